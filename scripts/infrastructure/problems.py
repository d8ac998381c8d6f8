"""What went wrong, for whoever typed the command."""


class InfraError(Exception):
    """Something the user can mend; the text says what, and how.

    Attributes:
        code: The exit code of the command.
    """

    code = 1


class MissingError(InfraError):
    """Something must be installed first."""

    code = 3
