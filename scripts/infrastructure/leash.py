"""python -m infrastructure.leash NOTE FOLDER NAME: servers that end with somebody."""

import sys
import time
from pathlib import Path

from infrastructure import processes
from infrastructure.instance import Instance

LOOK_SECONDS = 0.5


def watch(note: Path, instance: Instance) -> None:
    """Take an instance down once a process has ended, or leave when it is gone.

    Args:
        note: Which process, as `processes.note` wrote it.
        instance: What ends with it.
    """
    while processes.running(note):
        time.sleep(LOOK_SECONDS)
    if note.exists():  # else it was taken down meanwhile, and may be another's now
        instance.down(())


if __name__ == "__main__":
    watch(Path(sys.argv[1]), Instance(Path(sys.argv[2]), sys.argv[3]))
