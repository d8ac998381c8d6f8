"""What `fleet build --push --json` said of images: their digests in the registry."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fleetwright_cli._errors import FleetError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def pushed_digests(
    registry: str, tags: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Return the digest of each image, as it was pushed.

    Args:
        registry: Where the images are.
        tags: Their tags, by service.
        folder: Files with what the command said.

    Raises:
        FleetError: Of one nothing is said, or something else.
    """
    wanted = {f"{registry}/{service}:{tag}": service for service, tag in tags.items()}
    found: dict[str, str] = {}
    for image, digest in _said(folder):
        service = wanted.get(image)
        if service is None or not _DIGEST.fullmatch(digest):
            continue
        if found.setdefault(service, digest) != digest:
            raise FleetError(
                f"two images are called {image}",
                where=f"{found[service]} and {digest}, in {folder}",
                hint="keep the files of one build there",
            )
    lacking = [image for image, service in wanted.items() if service not in found]
    if lacking:
        raise FleetError(
            "nobody says which images these are",
            where="\n".join(f"{image}: no digest in {folder}" for image in lacking),
            hint="fleet build --push --json >FOLDER/images.json, of this very tree",
        )
    return found


def _said(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the images that files speak of, with their digests."""
    for file in sorted(folder.glob("**/*.json")):
        try:
            for one in json.loads(file.read_bytes())["images"]:
                yield str(one["image"]), str(one["digest"])
        except (KeyError, TypeError, ValueError) as error:
            raise FleetError(
                f"{file} is not what `fleet build --push --json` says",
                where=repr(error),
                hint="write it anew",
            ) from error
