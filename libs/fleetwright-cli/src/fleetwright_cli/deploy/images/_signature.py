"""Signed statements: DSSE envelopes, by the keys and the program of OpenSSL.

What signs and what looks need no library of ours, and neither does anybody else:
ECDSA or RSA over SHA-256, as other tools for DSSE read it.
"""

import base64
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PASSWORD = "FLEET_SIGNING_PASSWORD"  # noqa: S105 - the name of a variable
_ANSWER_SECONDS = 30.0


class ForgedError(Exception):
    """An envelope is none, or nobody with that key has signed it."""


def signed(statement: dict[str, Any], key: Path) -> dict[str, Any]:
    """Return a statement in an envelope.

    Args:
        statement: What is said.
        key: The private key, as PEM; `FLEET_SIGNING_PASSWORD` opens it.

    Raises:
        FleetError: It cannot sign.
    """
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    words = ["dgst", "-sha256", "-sign", str(key)]
    words += ["-passin", f"env:{PASSWORD}"] * (PASSWORD in os.environ)
    done = _openssl(words, _encoded(payload))
    if done.returncode:
        raise FleetError(
            "the key cannot sign",
            where=f"{key}: {_last(done)}",
            hint="openssl ecparam -genkey -name prime256v1 -noout -out key.pem",
        )
    signature = base64.b64encode(done.stdout).decode()
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": signature}],
    }


def verified(envelope: Any, key: Path) -> dict[str, Any]:
    """Return what an envelope says, when the owner of a key has said it.

    Args:
        envelope: As it was read.
        key: The public key, as PEM.

    Raises:
        ForgedError: It is no envelope, or nobody with that key has signed it.
        FleetError: There is no OpenSSL.
    """
    try:
        kind = envelope["payloadType"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [
            base64.b64decode(one["sig"], validate=True)
            for one in envelope["signatures"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ForgedError("it is no signed statement") from error
    if kind != PAYLOAD_TYPE:
        raise ForgedError(f"it says something else: {kind}")
    if not any(_is_by(one, payload, key) for one in signatures):
        raise ForgedError(f"nobody with {key} has signed it")
    found: dict[str, Any] = json.loads(payload)
    return found


def _is_by(signature: bytes, payload: bytes, key: Path) -> bool:
    """Return whether the owner of a key made a signature."""
    with tempfile.NamedTemporaryFile(prefix="fleet-") as file:
        file.write(signature)
        file.flush()
        words = ["dgst", "-sha256", "-verify", str(key), "-signature", file.name]
        return _openssl(words, _encoded(payload)).returncode == 0


def _encoded(payload: bytes) -> bytes:
    """Return what is signed: the type, too, so that it is read as nothing else."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _openssl(words: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the words are ours
            ["openssl", *words],  # noqa: S607 - the one of the PATH
            input=given,
            capture_output=True,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FleetError(
            f"openssl cannot be run: {error}", hint="install OpenSSL"
        ) from error


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with {done.returncode}"
