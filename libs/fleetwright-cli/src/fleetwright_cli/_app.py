"""The list of commands: the table of contents of the tool."""

import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError

# name: (module, function, one line). A module is imported when its command is used, so
# that `fleet --help` and each command pay for nothing they do not need.
COMMANDS = {
    "new": ("_new", "new", "Make a fleet in an empty folder"),
    "add": ("_add", "add", "Add a service or a library to this fleet"),
    "upgrade": ("_upgrade", "upgrade", "Bring newer templates to this fleet"),
    "up": ("_up", "up", "Run the fleet on this machine, without Docker"),
    "ps": ("_ps", "ps", "Show what runs"),
    "logs": ("_logs", "logs", "Show what the services wrote"),
    "log-level": ("_log_level", "log_level", "Change the log level of what runs"),
    "open": ("_open", "open_", "Open the console of the running fleet"),
    "traces": ("_traces", "traces", "Show what calls led to, and how long they took"),
    "runs": ("_runs", "runs", "List runs, carry one to another console"),
    "sql": ("_sql", "sql", "Ask the console's database, reading only"),
    "restart": ("_restart", "restart", "Drain services and start them again"),
    "faults": ("_faults", "faults", "Make calls between services fail or wait"),
    "events": ("_events", "events", "See events that wait, and have them tried again"),
    "token": ("_token", "token", "Print a token for calls by hand"),
    "down": ("_down", "down", "Drain and stop the fleet"),
    "test": ("_test", "test", "Run the tests of libraries and services"),
    "check": ("_check", "check", "Hold the repository to the standard"),
    "config": ("_config", "config", "Show what services read from their environment"),
    "graph": ("_graph", "graph", "Show who needs whom"),
    "explain": ("_explain", "explain", "Show one rule of the standard, with examples"),
    "waivers": ("_waivers", "waivers", "List where the standard is not kept, and why"),
    "contracts": ("_contracts", "contracts", "See whom a changed API breaks"),
    "build": ("_build", "build", "Build the images of services that changed"),
    "rehearse": (
        "_rehearse",
        "rehearse",
        "Roll a service under load, count what is lost",
    ),
    "plan": ("_plan", "plan", "Reckon what a rate of requests needs"),
    "deploy": ("_deploy", "app", "Write files for Compose and Kubernetes; release"),
    "bench": ("_bench", "bench", "Measure a running service"),
    "lock": ("_lock", "lock", "Lock the requirements with hashes"),
    "doctor": ("_doctor", "doctor", "Say what is missing on this machine"),
}
EXAMPLES = """\
Examples:
  fleet up                  the whole fleet, until Ctrl-C
  fleet up --detach         the same in the background
  fleet logs orders -f      follow one service
  fleet test orders         the tests of one service
  fleet check               the standard, rule by rule
  fleet COMMAND --help      all options of a command

Exit codes: 0 done, 1 the fleet does not comply or does not answer, 2 wrong
arguments, 3 our own fault"""


def help_text() -> str:
    """Return the page of `fleet --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, _, line) in COMMANDS.items()]
    commands = "\n".join(lines)
    return (
        "Usage: fleet COMMAND [OPTIONS]\n\n"
        "Runs, tests, locks and checks a fleet of Python microservices.\n\n"
        f"Commands:\n{commands}\n\n{EXAMPLES}\n"
    )


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: The words after `fleet`.

    Returns:
        The exit code.

    Raises:
        FleetError: There is no such command, or it found a mistake of the user's.
    """
    if not arguments or arguments[0] in {"--help", "-h", "help"}:
        sys.stdout.write(help_text())
        return 0
    name, *rest = arguments
    if name == "--version":
        sys.stdout.write(f"fleet {importlib.metadata.version('fleetwright-cli')}\n")
        return 0
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean `fleet {close[0]}`?" if close else "see `fleet --help`"
        raise FleetError(
            f"`{name}` is not a command", hint=meant, exit_code=WRONG_ARGUMENTS
        )
    return _run_one(name, rest)


def _run_one(name: str, rest: Sequence[str]) -> int:
    """Import one command and run it with its arguments."""
    import typer

    module_name, function, _ = COMMANDS[name]
    module = importlib.import_module(f"fleetwright_cli.commands.{module_name}")
    found = getattr(module, function)
    if isinstance(found, typer.Typer):
        app = found
    else:
        app = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
        )
        app.command(name)(found)
    try:
        code = app(args=list(rest), prog_name=f"fleet {name}")
    except SystemExit as end:
        code = end.code
    return code if isinstance(code, int) else 0
