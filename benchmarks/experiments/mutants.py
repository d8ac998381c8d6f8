"""Mistakes that are put into our own code, to see an experiment notice them."""

from collections.abc import Callable

from experiments import call_mutants, service_mutants

_MISTAKES: dict[str, Callable[[], None]] = {
    made.__name__: made for made in (*call_mutants.ALL, *service_mutants.ALL)
}


def put_in(name: str) -> None:
    """Put a mistake into the code of this process.

    Args:
        name: One of the mistakes there are; several are joined by `+`.
    """
    for one in name.split("+"):
        _MISTAKES[one]()


def is_ours(name: str) -> bool:
    """Return whether a mistake is one of these; an experiment may bring its own.

    Args:
        name: The name of a mistake, or several joined by `+`.
    """
    return all(one in _MISTAKES for one in name.split("+"))
