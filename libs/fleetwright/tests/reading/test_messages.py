"""An error says what, where and the mend."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "scripts" / "reference.py"
ANSWERS = {"Refused", "Unavailable", "DeadlineExceeded"}


def raised() -> list[tuple[str, str, str, str]]:
    """Return (module, class, text, hint) of each error made in the runtime."""
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[tuple[str, str, str, str]] = module.raised()
    return found


def test_every_mistake_of_a_user_comes_with_a_mend() -> None:
    """Each error but the outcome of a call out carries a hint one can act on."""
    bare = [
        f"{where}: {name}: {text}"
        for where, name, text, hint in raised()
        if name not in ANSWERS and not hint
    ]

    assert bare == []


def test_every_error_text_is_on_the_page_of_errors() -> None:
    """docs/reference/errors.md shows each text of the runtime."""
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")

    missing = [text for _, _, text, _ in raised() if text not in page]

    assert missing == []
    assert raised() != []
