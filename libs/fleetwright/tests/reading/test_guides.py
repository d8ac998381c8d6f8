"""What a guide shows runs as it stands there."""

import importlib.util
import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from fleetwright.testing import serving

ROOT = Path(__file__).resolve().parents[4]
GUIDE = ROOT / "docs" / "start" / "first-flask-service.md"
_PYTHON = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def tills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the service the guide shows, in a folder of its own."""
    listing = textwrap.dedent(_PYTHON.findall(GUIDE.read_text(encoding="utf-8"))[0])
    file = tmp_path / "tills.py"
    file.write_text(listing, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("tills", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_first_flask_service_does_what_its_guide_says(tills: ModuleType) -> None:
    """It adds up, refuses what is no amount, and says why a till is broken."""
    async with serving(tills.create_app()) as http:
        for _ in range(2):
            taken = await http.post("/v1/tills/south", json={"pence": 250})
        odd = await http.post("/v1/tills/south", json={"pence": -1})
        broken = await http.post("/v1/tills/broken")

    assert taken.json() == {"total_pence": 500}
    assert (odd.status_code, odd.json()["kind"]) == (422, "invalid_request")
    assert (broken.status_code, broken.json()["kind"]) == (409, "broken_till")


def test_guide_names_only_pages_that_are_there() -> None:
    """A link that leads nowhere is found here, not by the reader."""
    links = re.findall(r"\]\(([^)#]+\.md)\)", GUIDE.read_text(encoding="utf-8"))

    assert links
    assert all((GUIDE.parent / link).exists() for link in links)
