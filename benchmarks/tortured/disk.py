"""A disk that fails: a share of the writes and syncs of this process end with EIO.

By libfiu, which stands between the process and the C library (`LD_PRELOAD`). Reads and
plain `write` are left alone: databases write by place, logs and pipes do not.
"""

import ctypes
import errno
from pathlib import Path

LIBRARIES = (Path("/usr/lib/fiu/fiu_posix_preload.so"),)
_LIBRARY = "libfiu.so.0"
_POINTS = (b"posix/io/rw/pwrite", b"posix/io/sync/fsync", b"posix/io/sync/fdatasync")
_ONCE_FOR_ALL = 0


def preload() -> Path | None:
    """Return what must be loaded before a process whose disk is to fail, if any."""
    return next((path for path in LIBRARIES if path.exists()), None)


class FailingDisk:
    """The disk as this process sees it."""

    def __init__(self) -> None:
        """Leave it as it is."""
        self._fiu = ctypes.CDLL(_LIBRARY)
        self._fiu.fiu_init(0)
        self._fiu.fiu_enable_random.argtypes = [
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_float,
        ]
        self._share = 0.0

    def fail(self, share: float) -> None:
        """Have a share of the writes and syncs fail; none for 0.

        Args:
            share: 0 to 1.
        """
        if share == self._share:
            return
        self._share = share
        for point in _POINTS:
            if share:
                self._fiu.fiu_enable_random(
                    point, 1, ctypes.c_void_p(errno.EIO), 0, share
                )
            else:
                self._fiu.fiu_disable(point)
