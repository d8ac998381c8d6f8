"""The signing key of the development issuer: made once, kept in a file of its owner."""

import json
import os
import uuid
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleetwright._clock import clock
from fleetwright.errors import SettingsError


class SigningKey:
    """An Ed25519 key that signs access tokens (RFC 9068)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Sign with a key.

        Args:
            key: The private key.
        """
        self._key = key
        public = key.public_key().public_bytes_raw()
        self._kid = urlsafe_b64encode(sha256(public).digest())[:16].decode()

    @classmethod
    def of(cls, file: Path | None) -> "SigningKey":
        """Return the key that is kept in a file, made and kept there at first.

        Args:
            file: The file; None for a key that nobody keeps.

        Raises:
            SettingsError: Others may read the file, or it holds no such key.
        """
        if file is None:
            return cls(Ed25519PrivateKey.generate())
        try:
            return cls(_read(file))
        except FileNotFoundError:
            return cls(_made(file))

    def document(self) -> dict[str, Any]:
        """Return the public key as a JWKS document."""
        from jwt.algorithms import OKPAlgorithm

        key = json.loads(OKPAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [key | {"kid": self._kid, "use": "sig", "alg": "EdDSA"}]}

    def signed(self, claims: dict[str, Any], *, seconds: int) -> str:
        """Return an access token that is good from now on.

        Args:
            claims: What it says, times and id left out.
            seconds: How long it is good for.

        Returns:
            The token.
        """
        import jwt

        now = int(clock().now())
        times = {"iat": now, "nbf": now, "exp": now + seconds, "jti": uuid.uuid4().hex}
        head = {"typ": "at+jwt", "kid": self._kid}
        return jwt.encode(claims | times, self._key, algorithm="EdDSA", headers=head)


def _read(file: Path) -> Ed25519PrivateKey:
    text = file.read_bytes()
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise SettingsError(
            "the signing key can be read by others",
            where=f"ISSUER_KEY_FILE={file}",
            hint=f"delete it, a new one is made; or chmod 600 {file}",
        )
    try:
        key = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(
            "the file holds no Ed25519 key",
            where=f"ISSUER_KEY_FILE={file}",
            hint="delete it, a new one is made",
        )
    return key


def _made(file: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as out:
            out.write(text)
    except OSError as error:
        raise SettingsError(
            f"the signing key cannot be kept: {error.strerror}",
            where=f"ISSUER_KEY_FILE={file}",
            hint="name a file in a folder you may write to",
        ) from error
    return key
