"""Calls services from inside their network, and counts how each call ended.

Run in a container beside them, by its text: only the standard library. The first line
of stdin names the targets; each further line names them anew, with tokens that are
still good, and is answered by what was counted so far; the end of stdin is the end.

A call is answered (with a status), or refused (no connection was made, so nothing was
sent), or cut: its connection was made, and then lost before the answer was whole.
"""

import http.client
import json
import select
import sys
import threading
from collections import Counter
from typing import Any

CALL_SECONDS = 30.0
PAUSE_SECONDS = 0.1  # between two calls of one caller


class Caller(threading.Thread):
    """Calls one target, one call after the other."""

    def __init__(self, target: dict[str, Any], *, keeps: bool) -> None:
        """Prepare to call.

        Args:
            target: Its name, host, port, path and headers.
            keeps: Whether a connection is used for more than one call.
        """
        super().__init__(daemon=True)
        self.target = target
        self._keeps = keeps
        self.counts: Counter[str] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        """Call until it is over."""
        to = self.target
        line = http.client.HTTPConnection(to["host"], to["port"], timeout=CALL_SECONDS)
        while not self.over.wait(PAUSE_SECONDS):
            self.counts[self._call(line)] += 1
            if not self._keeps:
                line.close()
        line.close()

    def _call(self, line: http.client.HTTPConnection) -> str:
        """Make one call and return how it ended."""
        if line.sock is not None and select.select([line.sock], [], [], 0)[0]:
            line.close()  # it was closed while idle: nothing was sent on it
        try:
            if line.sock is None:
                line.connect()
        except OSError:
            line.close()
            return "refused"
        try:
            line.request("GET", self.target["path"], headers=self.target["headers"])
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            line.close()
            return f"cut: {type(error).__name__}"
        return f"{answer.status}"


def main() -> None:
    """Call what the first line names; tell the counts at each further line."""
    targets = json.loads(sys.stdin.readline())
    callers = {
        name: [Caller(target, keeps=keeps) for keeps in (True, True, False, False)]
        for name, target in targets.items()
    }
    everyone = [one for each in callers.values() for one in each]
    for one in everyone:
        one.start()
    for line in sys.stdin:
        targets = json.loads(line)
        for name, each in callers.items():
            for one in each:
                one.target = targets[name]
        counts = {
            name: dict(sum((one.counts.copy() for one in each), Counter()))
            for name, each in callers.items()
        }
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()
    for one in everyone:
        one.over.set()
    for one in everyone:
        one.join()


if __name__ == "__main__":
    main()
