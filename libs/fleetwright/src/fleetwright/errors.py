"""Every exception of the library.

```text
FleetwrightError            what is wrong, where, and how to mend it
|-- DeclarationError        a declaration is wrong; raised when it is imported
|-- SettingsError           the environment is wrong; raised by `Settings.load()`
|-- Problem                 your refusal, as an RFC 9457 answer (in `fleetwright`)
|-- Refused                 a provider answered no: do not retry
`-- Unavailable             no answer that counts: retries and breakers look at these
    `-- DeadlineExceeded    the time for the whole call is over
```

Exceptions are API, their texts are not: facts are attributes.
"""

from typing import Any, Literal

Reason = Literal[
    "connect", "timeout", "deadline", "reset", "status", "invalid_answer", "rejected"
]


class FleetwrightError(Exception):
    """Something is wrong, somewhere, and can be mended.

    Attributes:
        message: What is wrong, in one line.
        where: Where it was found, for example a file and a field.
        hint: What to type or change.
    """

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None
    ) -> None:
        """Keep the three parts of the error.

        Args:
            message: What is wrong, in one line.
            where: Where it was found; left out of the text when unknown.
            hint: The mend, something the reader can do; left out when there is none.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return what, where and the mend, each on its own line."""
        lines = [self.message]
        if self.where:
            lines += [f"  {line}" for line in self.where.splitlines()]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class DeclarationError(FleetwrightError):
    """A client, an event, a pipeline or a service is declared wrongly."""


class SettingsError(FleetwrightError):
    """The environment does not say what the settings need."""


class Refused(FleetwrightError):  # noqa: N818 - a provider's no is an answer
    """A provider answered no; asking again gives the same answer.

    Attributes:
        status: The HTTP status of the answer, 400 to 499.
        problem: The provider's problem document, if it sent one.
        provider: Who refused.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        problem: dict[str, Any] | None = None,
        provider: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Keep the facts of the refusal.

        Args:
            message: What was refused, in one line.
            status: The HTTP status of the answer.
            problem: The provider's problem document, if any.
            provider: Who refused.
            where: The operation that was refused.
            hint: What the reader can do about it.
        """
        super().__init__(message, where=where, hint=hint)
        self.status = status
        self.problem = problem
        self.provider = provider


class Unavailable(FleetwrightError):  # noqa: N818 - a state, not a mistake
    """No answer that counts came back.

    Attributes:
        reason: Why: connect, timeout, deadline, reset, status, invalid_answer (the
            answer was not what the contract says) or rejected (not even tried).
        provider: Who did not answer.
        retry_after_seconds: When the provider asks to be called again.
        status: The HTTP status of the answer, when there was one.
        sends: How often it was tried; 0 where that is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason,
        provider: str | None = None,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Keep the facts of the failure.

        Args:
            message: What did not happen, in one line.
            reason: Why no answer counts.
            provider: Who did not answer.
            retry_after_seconds: When the provider asks to be called again.
            status: The HTTP status of the answer, when there was one.
            where: The operation that failed.
            hint: What the reader can do about it.
        """
        super().__init__(message, where=where, hint=hint)
        self.reason = reason
        self.provider = provider
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.sends = 0


class DeadlineExceeded(Unavailable):
    """The time for the whole call is over; whoever asked has stopped waiting."""

    def __init__(
        self,
        message: str = "the deadline of the call has passed",
        *,
        provider: str | None = None,
        where: str | None = None,
        hint: str | None = "give the call more time, or do less within it",
    ) -> None:
        """Keep whose answer was not waited for.

        Args:
            message: What was not finished in time, in one line.
            provider: Who did not answer in time, when it was a call out.
            where: The operation that was cut.
            hint: What the reader can do about it.
        """
        super().__init__(
            message, reason="deadline", provider=provider, where=where, hint=hint
        )
