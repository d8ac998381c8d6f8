"""python -m fleetwright.asyncapi orders.app:create_app: its events as AsyncAPI 3."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from fleetwright._service import Service
from fleetwright._target import load, tell
from fleetwright.errors import FleetwrightError
from fleetwright.events._asyncapi import document

__all__ = ["asyncapi", "canonical"]


def asyncapi(service: Service, *, package: str | None = None) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of a service.

    Args:
        service: The service, put together; it need not be open.
        package: The service's own import package; that of its settings when None.

    Returns:
        JSON-ready values: channels, messages, operations and schemas; a service
        without events has none of them.

    Raises:
        DeclarationError: Two different events of one topic and version are sent.
    """
    return document(service, package=package)


def canonical(document: dict[str, Any]) -> str:
    """Return a document as the text that is kept: sorted, the same on every machine.

    Args:
        document: JSON-ready values.
    """
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong arguments or settings.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.asyncapi", description=__doc__
    )
    parser.add_argument("target", help="module:function, as in orders.app:create_app")
    typed = parser.parse_args(arguments)
    try:
        _, service = load(typed.target)
        package = typed.target.partition(":")[0].partition(".")[0]
        sys.stdout.write(canonical(asyncapi(service, package=package)))
    except FleetwrightError as error:
        return tell("fleetwright.asyncapi", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
