"""How a mistake is put into our code: loudly, where the code has changed since."""

from typing import Any


def replace(owner: Any, name: str, mistake: Any) -> None:
    """Put a mistake in the place of a part of our code.

    Args:
        owner: The class or module the part belongs to.
        name: Of the part.
        mistake: What stands there from now on.
    """
    assert hasattr(owner, name), f"{owner} has no {name} any more: mend the mutant"
    setattr(owner, name, mistake)
