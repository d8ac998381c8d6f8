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

from fleetwright_cli.scaffold import FleetAnswers, ServiceAnswers, files_of_service
from fleetwright_cli.scaffold._templates import FOLDER

# A name that occurs nowhere by chance.
NAME = "qzj-service"
FLEET = FleetAnswers("shop", "@shop/platform")
OPENAPI = {
    "fastapi": "create_app().openapi()",
    "flask": "__import__('fleetwright.flask').flask.openapi(create_app())",
}


def said(answers: ServiceAnswers, expression: str) -> str:
    """Return what the code of a template says of itself, as the text of a template.

    Args:
        answers: What the service is made with.
        expression: What to ask of it, with `create_app` at hand.
    """
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files_of_service(answers, FLEET).items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        source = Path(folder, "services", answers.name, "src")
        package = answers.name.replace("-", "_")
        code = f"import json; from {package}.app import create_app; "
        code += f"print(json.dumps({expression}))"
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(source), "ENVIRONMENT": "test"},
            capture_output=True,
            text=True,
            check=True,
        )
    document = json.loads(done.stdout)
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    return text.replace(answers.name, "<<service>>") + "\n"


def events(answers: ServiceAnswers) -> str:
    """Return the AsyncAPI document of a template.

    Args:
        answers: What the service is made with.
    """
    package = answers.name.replace("-", "_")
    make = "__import__('fleetwright.asyncapi').asyncapi.asyncapi"
    service = "__import__('fleetwright.testing').testing.service_of(create_app())"
    return said(answers, f"{make}({service}, package={package!r})")


def main() -> None:
    """Write all contracts."""
    for framework, expression in OPENAPI.items():
        plain = ServiceAnswers(NAME, "", framework)  # type: ignore[arg-type]
        keeping = ServiceAnswers(NAME, "", framework, database=True)  # type: ignore[arg-type]
        text = f"<<if database>>\n{said(keeping, expression)}<<else>>\n"
        text += f"{said(plain, expression)}<<end>>\n"
        write(f"service-{framework}", "openapi.json", text)
    telling = ServiceAnswers(NAME, "", "fastapi", database=True, events=True)
    hearing = ServiceAnswers(NAME, "", "worker", database=True, events=True)
    for layer, answers, when in (
        ("service", telling, "events not worker"),
        ("service-worker", hearing, "events"),
    ):
        text = f"<<if {when}>>\n{events(answers)}<<end>>\n"
        write(layer, "asyncapi.json", text)


def write(layer: str, name: str, text: str) -> None:
    """Write one template.

    Args:
        layer: Its folder of templates.
        name: Its name below `contracts/`.
        text: Its text.
    """
    path = FOLDER / layer / "contracts" / f"{name}.tmpl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    sys.stdout.write(f"wrote {layer}/contracts/{name}\n")


if __name__ == "__main__":
    main()
