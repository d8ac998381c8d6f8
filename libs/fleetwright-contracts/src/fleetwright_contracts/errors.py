"""What can be wrong with a contract, said in three parts: what, where, mend.

ContractError
+-- Unreadable      the file is not JSON or YAML, or not a contract
+-- Unresolvable    a reference leads nowhere, in a circle, or to another machine
+-- Unsupported     it is right, and more than the engine reads
+-- Exhausted       the question is decidable, and larger than the budget
"""


class ContractError(Exception):
    """A contract cannot be read or decided.

    Attributes:
        message: What is wrong, in one line.
        where: The place in the document, a JSON pointer; empty when there is none.
        hint: The next step.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        """Say what is wrong.

        Args:
            message: What is wrong, in one line.
            where: The place in the document.
            hint: The next step.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    @property
    def reason(self) -> str:
        """What is wrong and where, in one line."""
        return f"{self.message} (at {self.where})" if self.where else self.message

    def __str__(self) -> str:
        """Return the parts, each on its own line."""
        lines = [self.message]
        lines += [f"  at {self.where}"] if self.where else []
        lines += [f"hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)


class Unreadable(ContractError):  # noqa: N818 - names what it is
    """The text is no JSON or YAML, or a keyword has a value it cannot have."""


class Unresolvable(ContractError):  # noqa: N818 - names what it is
    """A `$ref` leads nowhere, in a circle, or to another machine."""


class Unsupported(ContractError):  # noqa: N818 - names what it is
    """The contract is right, and says more than the engine can read."""


class Exhausted(ContractError):  # noqa: N818 - names what it is
    """An answer exists, and finding it would pass the budget."""
