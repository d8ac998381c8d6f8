"""`orders.app:create_app` to an application and its service; failures in words."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from fleetwright._secrets import mask
from fleetwright._service import Service, service_of
from fleetwright._watchdog import is_own
from fleetwright.errors import FleetwrightError, SettingsError


class StartError(FleetwrightError):
    """The service cannot be started.

    Attributes:
        exit_code: 2 for wrong arguments or settings, else 1.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        exit_code: int = 1,
    ) -> None:
        """Keep the three parts of the error and the exit code.

        Args:
            message: What is wrong, in one line.
            where: Where it was found.
            hint: The mend.
            exit_code: 2 for wrong arguments or settings, else 1.
        """
        super().__init__(message, where=where, hint=hint)
        self.exit_code = exit_code


def load(target: str) -> tuple[Any, Service]:
    """Return the application a target names, and its service.

    Args:
        target: Module and function, `orders.app:create_app`.

    Returns:
        What the function returned, and the service it is mounted on.

    Raises:
        StartError: The module, the function or the service is not there, the settings
            are wrong, or the user's own code raised.
    """
    module_name, colon, function_name = target.partition(":")
    if not (module_name and colon and function_name):
        raise StartError(
            f"{target!r} does not name a function",
            hint="write module:function, as in orders.app:create_app",
            exit_code=2,
        )
    create = _function(target, module_name, function_name)
    try:
        app = create()
    except Exception as error:
        raise failure(f"{target} failed", error) from None
    service = service_of(app)
    if service is None:
        raise StartError(
            f"{target} returned {type(app).__name__} without a service",
            where=f"the return of {function_name}()",
            hint="return mount(app, service), or the Service itself without an API",
        )
    return app, service


def _function(target: str, module_name: str, function_name: str) -> Any:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        wanted = error.name or ""
        if not f"{module_name}.".startswith(f"{wanted}."):
            raise failure(f"{module_name} cannot be imported", error) from None
        raise StartError(
            f"there is no module {wanted}",
            where=f"asked for by {target}, from {Path.cwd()}",
            hint=f"run it in the folder of the service, or install {wanted}",
        ) from None
    except Exception as error:
        raise failure(f"{module_name} cannot be imported", error) from None
    create = getattr(module, function_name, None)
    if not callable(create):
        raise StartError(
            f"{module_name} has no function {function_name}",
            where=str(getattr(module, "__file__", module_name)),
            hint=f"define {function_name}() there, or name another function",
            exit_code=2,
        )
    return create


def failure(what: str, error: BaseException) -> StartError:
    """Return an error of the user's code in words, without a traceback.

    Args:
        what: What could not be done.
        error: What was raised.

    Returns:
        Our own errors as they are; of others the last line, and where it was raised.
    """
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    if isinstance(error, StartError):
        return error
    if isinstance(error, FleetwrightError):
        code = 2 if isinstance(error, SettingsError) else 1
        text = error.message + notes
        return StartError(text, where=error.where, hint=error.hint, exit_code=code)
    last = traceback.format_exception_only(error)[0].strip()
    if isinstance(error, SyntaxError):
        last = f"SyntaxError: {error.msg}"
    return StartError(
        f"{what}{notes}",
        where=f"{last}\n{_place(error)}",
        hint="mend that line; it is the service's own code or something it called",
    )


def _place(error: BaseException) -> str:
    """Return file and line of an error, in the user's own code if it can be."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_own(frame.filename)] or list(frames)
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "an unknown place"


def tell(program: str, error: FleetwrightError) -> int:
    """Write an error for the one who started the program.

    Args:
        program: Its name.
        error: What is wrong.

    Returns:
        The exit code.
    """
    sys.stderr.write(mask(f"{program}: {error}\n"))
    return error.exit_code if isinstance(error, StartError) else 1
