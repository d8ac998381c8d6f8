"""What was pushed is what is released: by the digests that the registry gave."""

import json
from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy.images._pushed import pushed_digests

TAGS = {"orders": "a1", "stock": "b2"}
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def say(folder: Path, name: str, **digests: str) -> None:
    """Write what the command says of images."""
    images = [
        {"image": f"r.example/{service}:{TAGS[service]}", "digest": digest}
        for service, digest in digests.items()
    ]
    (folder / name).mkdir(exist_ok=True)  # as artefacts are laid down
    (folder / name / "images.json").write_text(json.dumps({"images": images}))


def test_digests_are_those_that_were_pushed(tmp_path: Path) -> None:
    """Each service's, from the file of whoever pushed it."""
    say(tmp_path, "a", orders=ONE)
    say(tmp_path, "b", stock=TWO)

    found = pushed_digests("r.example", TAGS, tmp_path)

    assert found == {"orders": ONE, "stock": TWO}


@pytest.mark.parametrize("digest", ["", "latest", ONE[:-1]])
def test_image_without_a_digest_is_not_released(tmp_path: Path, digest: str) -> None:
    """One that nobody speaks of, or that was not pushed, is named."""
    say(tmp_path, "a", orders=ONE, stock=digest)

    with pytest.raises(FleetError, match="which images") as caught:
        pushed_digests("r.example", TAGS, tmp_path)

    assert caught.value.where == f"r.example/stock:b2: no digest in {tmp_path}"


def test_image_of_another_tree_is_not_released(tmp_path: Path) -> None:
    """A tag that is not this tree's says nothing of this tree."""
    say(tmp_path, "a", orders=ONE, stock=TWO)

    with pytest.raises(FleetError, match="which images"):
        pushed_digests("r.example", TAGS | {"stock": "b3"}, tmp_path)


def test_two_digests_of_one_image_are_one_too_many(tmp_path: Path) -> None:
    """Nobody chooses between them by luck."""
    say(tmp_path, "a", orders=ONE, stock=TWO)
    say(tmp_path, "b", orders=TWO)

    with pytest.raises(FleetError, match="two images"):
        pushed_digests("r.example", TAGS, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"images": [1]}', '{"images": [{}]}'])
def test_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    """It says which file, and no traceback."""
    (tmp_path / "images.json").write_text(text)

    with pytest.raises(FleetError, match=r"images\.json is not what"):
        pushed_digests("r.example", TAGS, tmp_path)
