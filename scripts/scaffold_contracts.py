"""Writes the contracts among the templates of `fleet add service` from their own code.

    venv/bin/python scripts/scaffold_contracts.py

Run it when the templates change what a service promises, or when FastAPI describes the
same promise in other words.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fleetwright_cli.contracts import KINDS
from fleetwright_cli.contracts._frozen import canonical
from fleetwright_cli.scaffold import FleetAnswers, ServiceAnswers, files_of_service
from fleetwright_cli.scaffold._templates import FOLDER

# A name that occurs nowhere by chance.
NAME, PACKAGE = "qzj-service", "qzj_service"
FLEET = FleetAnswers("shop", "@shop/platform")
Said = dict[str, str]


def said(answers: ServiceAnswers) -> Said:
    """Return what the code of a template says of itself, as texts of templates.

    Args:
        answers: What the service is made with.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files_of_service(answers, FLEET).items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        source = Path(folder, "services", answers.name, "src")
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "fleetwright.contract", f"{PACKAGE}.app:create_app"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=True,
        )
    documents = json.loads(done.stdout)
    return {
        kind: canonical(one)
        .replace(NAME, "<<service>>")
        .replace(PACKAGE, "<<package>>")
        for kind, one in documents.items()
        if kind in KINDS and one is not None
    }


def main() -> None:
    """Write all contracts."""
    for framework in ("fastapi", "flask"):
        plain = said(ServiceAnswers(NAME, "", framework))
        keeping = said(ServiceAnswers(NAME, "", framework, database=True))
        for kind in plain.keys() | keeping.keys():
            text = f"<<if database>>\n{keeping.get(kind, '')}<<else>>\n"
            write(f"service-{framework}", kind, f"{text}{plain.get(kind, '')}<<end>>\n")
    telling = said(ServiceAnswers(NAME, "", "fastapi", database=True, events=True))
    text = f"<<if events not worker>>\n{telling['asyncapi']}<<end>>\n"
    write("service", "asyncapi", text)
    hearing = ServiceAnswers(NAME, "", "worker", database=True, events=True)
    for kind, text in said(hearing).items():
        write("service-worker", kind, text)


def write(layer: str, kind: str, text: str) -> None:
    """Write one template.

    Args:
        layer: Its folder of templates.
        kind: Its name below `contracts/`.
        text: Its text.
    """
    path = FOLDER / layer / "contracts" / f"{kind}.json.tmpl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    sys.stdout.write(f"wrote {layer}/contracts/{kind}.json\n")


if __name__ == "__main__":
    main()
