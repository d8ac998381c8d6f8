"""Where an image comes from, as a statement of in-toto (SLSA provenance 1)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy.images._signature import ForgedError, verified

_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD = "urn:fleetwright:build:1"


def statement_file(folder: Path, service: str, tag: str) -> Path:
    """Return where the statement about an image is kept.

    Args:
        folder: The folder of all of them.
        service: Whose image it is.
        tag: Its tag.
    """
    return folder / f"{service}-{tag}.intoto.json"


def statement(
    image: str, digest: str, *, builder: str, made_of: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return where an image comes from.

    Args:
        image: What it is called, with its tag.
        digest: What the registry calls it: `sha256:...`.
        builder: Who built it.
        made_of: Digests of what it was made from, by name: algorithm and value.
    """
    name, _, tag = image.rpartition(":")
    return {
        "_type": _TYPE,
        "subject": [{"name": name, "digest": _digest(digest)}],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD,
                "externalParameters": {"image": name, "tag": tag},
                "resolvedDependencies": [
                    {"uri": uri, "digest": dict(one)} for uri, one in made_of.items()
                ],
            },
            "runDetails": {"builder": {"id": f"urn:fleetwright:engine:{builder}"}},
        },
    }


def digests(
    registry: str, tags: Mapping[str, str], folder: Path, key: Path
) -> dict[str, str]:
    """Return the digest of each image, as the owner of a key has said it.

    Args:
        registry: Where the images are.
        tags: Their tags, by service.
        folder: Where the statements are.
        key: The public key.

    Raises:
        FleetError: Of one there is no statement, or it is about something else.
    """
    found, wrong = {}, []
    for service, tag in tags.items():
        try:
            envelope = json.loads(statement_file(folder, service, tag).read_bytes())
            said = verified(envelope, key)
            found[service] = _digest_in(said, f"{registry}/{service}", tag)
        except OSError as error:
            wrong.append(f"{service}:{tag}: no statement, {error.strerror}")
        except (ForgedError, ValueError) as error:
            wrong.append(f"{service}:{tag}: {error}")
    if wrong:
        raise FleetError(
            "nobody vouches for these images",
            where="\n".join(wrong),
            hint="build and sign them: `fleet build --push --sign KEY`",
        )
    return found


def _digest_in(said: dict[str, Any], image: str, tag: str) -> str:
    """Return which image is spoken of.

    Raises:
        ForgedError: It is another one.
    """
    try:
        (subject,) = said["subject"]
        named = said["predicate"]["buildDefinition"]["externalParameters"]
        is_it = (subject["name"], named["image"], named["tag"]) == (image, image, tag)
        digest = f"sha256:{subject['digest']['sha256']}"
    except (KeyError, TypeError, ValueError) as error:
        raise ForgedError("it does not say of which image") from error
    if not is_it or said.get("predicateType") != _PREDICATE:
        raise ForgedError(f"it is about {subject['name']}:{named['tag']}")
    return digest


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
