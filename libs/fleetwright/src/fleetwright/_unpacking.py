"""A compressed body unpacked within bounds: no small answer becomes a large one."""

import zlib
from typing import Final

from fleetwright.errors import Unavailable

ENCODINGS: Final = "gzip, deflate"
# Text shrinks to a tenth or so; what unpacks to more than this was made to do harm.
MOST_RATIO: Final = 100
SLACK_BYTES: Final = 1024 * 1024
_EITHER_HEADER = 32 + zlib.MAX_WBITS  # gzip or zlib, told apart by zlib


def unpacker_of(encoding: str | None) -> "Unpacker | None":
    """Return what unpacks a body; None where it is not packed.

    Args:
        encoding: The header Content-Encoding; None where there is none.

    Raises:
        Unavailable: We did not ask for such an encoding.
    """
    if encoding is None or encoding.strip().lower() == "identity":
        return None
    return Unpacker(encoding)


class Unpacker:
    """Unpacks one body piece by piece.

    At most `MOST_RATIO` bytes for each that came in, and `SLACK_BYTES` more, are ever
    unpacked; the piece that would pass it raises.
    """

    def __init__(self, encoding: str) -> None:
        """Start with nothing.

        Args:
            encoding: The header Content-Encoding.

        Raises:
            Unavailable: We did not ask for such an encoding.
        """
        if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
            raise Unavailable(
                f"the answer is packed as {encoding[:40]!r}, which was not asked for",
                reason="invalid_answer",
            )
        self._unpacking = zlib.decompressobj(_EITHER_HEADER)
        self._came_in = 0
        self._went_out = 0

    def unpacked(self, piece: bytes) -> bytes:
        """Return what a piece holds.

        Args:
            piece: As it came.

        Returns:
            The piece unpacked, perhaps empty.

        Raises:
            Unavailable: It is not packed as was said, or unpacks to too much.
        """
        self._came_in += len(piece)
        whole = bytearray()
        while piece:
            if self._unpacking.eof:  # gzip allows members one after the other
                self._unpacking = zlib.decompressobj(_EITHER_HEADER)
            room = MOST_RATIO * self._came_in + SLACK_BYTES - self._went_out
            try:
                out = self._unpacking.decompress(piece, room + 1)
            except zlib.error as error:
                raise Unavailable(
                    f"the answer cannot be unpacked: {error}", reason="invalid_answer"
                ) from error
            if len(out) > room:
                raise Unavailable(
                    f"the answer unpacks to more than {MOST_RATIO} times its size",
                    reason="invalid_answer",
                )
            self._went_out += len(out)
            whole += out
            piece = self._unpacking.unused_data
        return bytes(whole)

    def end(self) -> None:
        """Check that the body is whole.

        Raises:
            Unavailable: It ends in the middle.
        """
        if self._came_in and not self._unpacking.eof:
            raise Unavailable("answer was cut: packed data ends early", reason="reset")
