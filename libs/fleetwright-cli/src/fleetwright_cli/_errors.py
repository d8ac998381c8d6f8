"""FleetError: what is wrong, where, and what to do; and the exit codes."""

DONE = 0
NOT_COMPLIANT = 1
WRONG_ARGUMENTS = 2
OUR_FAULT = 3


class FleetError(Exception):
    """A mistake that the user can mend.

    Attributes:
        message: What is wrong, in one line.
        where: Where it is; empty when the message says it.
        hint: The next step, something that can be typed.
        exit_code: What the command ends with.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        exit_code: int = NOT_COMPLIANT,
    ) -> None:
        """Say what is wrong.

        Args:
            message: What is wrong, in one line.
            where: Where it is.
            hint: The next step.
            exit_code: What the command ends with.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        """Return the three parts, each on its own lines."""
        lines = [self.message]
        lines += [f"  {line}" for line in self.where.splitlines()]
        lines += [f"hint: {line}" for line in self.hint.splitlines()[:1]]
        lines += [f"      {line}" for line in self.hint.splitlines()[1:]]
        return "\n".join(lines)
