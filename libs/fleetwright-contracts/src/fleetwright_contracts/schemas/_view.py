"""From which side a schema is read: as it is written, by who sends, or by who reads."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class View:
    """How a schema is read.

    Attributes:
        closed: Whether objects have the declared properties only, as what a program
            sends does.
        undeclared: A property that a closed object may have beside; empty for none.
        tolerant: Whether undeclared properties and overlapping alternatives are
            accepted although the schema forbids them, as most readers do.
        hidden: The keyword of properties that are left out: `readOnly` in requests,
            `writeOnly` in responses; empty for none.
    """

    closed: bool = False
    undeclared: str = ""
    tolerant: bool = False
    hidden: str = ""

    @property
    def width(self) -> int:
        """How much is allowed: a wider view allows all that a narrower one does."""
        if self.closed:
            return 1 if self.undeclared else 0
        return 3 if self.tolerant else 2

    @property
    def inner(self) -> "View":
        """The view of a part of a composition: the whole is closed, not its parts."""
        return replace(self, closed=False) if self.closed else self

    @property
    def as_condition(self) -> "View":
        """The view under `not` and `if`, where more instead of fewer would be wrong."""
        return View(hidden=self.hidden)


AS_WRITTEN = View()
