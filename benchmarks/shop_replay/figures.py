"""A run in figures: one line for people, everything for programs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shop_replay.audit import Check, pounds
from shop_replay.ledger import Ledger
from shop_replay.records import Records


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to.

    Attributes:
        ledger: What was asked of the shop and answered.
        records: What its databases say.
        checks: The audit, and whatever else had to hold.
        kills: Kills by service.
        faults: Faults that were injected, by what was done where.
        seconds: How long placing took, in seconds.
        settle_seconds: How long the fleet took to come to rest after it, in seconds.
    """

    ledger: Ledger
    records: Records
    checks: tuple[Check, ...]
    kills: Counter[str]
    seconds: float
    settle_seconds: float
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def line(self) -> str:
        """Return the run in one line."""
        numbers = self._numbers()
        return (
            f"{numbers['invoices']} invoices, {numbers['orders']} orders "
            f"({numbers['orders_refused']} refused), "
            f"{numbers['rows_refused']} rows refused, "
            f"{numbers['refunds']} refunds, {pounds(numbers['taken_pence'])} taken, "
            f"{self.kills.total()} kills, {self.faults.total()} faults, "
            f"{self.seconds:.1f} s, "
            f"{numbers['orders_per_second']:.1f} orders/s, "
            f"audit {'ok' if self.ok else 'FAILED'}"
        )

    def document(self) -> dict[str, Any]:
        """Return every figure and check as JSON-ready values."""
        ledger = self.ledger
        return self._numbers() | {
            "ok": self.ok,
            "empty_invoices": ledger.empty_invoices,
            "rows_read": ledger.rows_read,
            "rows_ordered": ledger.rows_ordered,
            "rows_refused_by_kind": dict(ledger.rows_refused),
            "rows_taken_back": ledger.rows_taken_back,
            "rows_not_taken_back_by_reason": dict(ledger.rows_not_taken_back),
            "repeats": dict(ledger.repeats),
            "kills": dict(self.kills),
            "faults": dict(self.faults),
            "seconds": round(self.seconds, 3),
            "settle_seconds": round(self.settle_seconds, 3),
            "checks": [
                {
                    "name": check.name,
                    "figure": check.figure,
                    "ok": check.ok,
                    "problems": list(check.problems),
                }
                for check in self.checks
            ],
        }

    def text(self) -> str:
        """Return the fate of the rows and every check, as lines to read."""
        ledger = self.ledger
        lines = [
            f"{ledger.rows_read} rows: {ledger.rows_ordered} ordered, "
            f"refused: {_parts(ledger.rows_refused)}; "
            f"{ledger.rows_taken_back} taken back, "
            f"not: {_parts(ledger.rows_not_taken_back)}",
            f"{ledger.empty_invoices} invoices without a line that can be bought",
            f"calls repeated: {_parts(ledger.repeats)}",
            f"kills: {_parts(self.kills)}",
            f"faults injected: {_parts(self.faults)}",
            f"at rest after {self.settle_seconds:.1f} s",
        ]
        return "\n".join([*lines, *(check.text() for check in self.checks)])

    def _numbers(self) -> dict[str, Any]:
        orders, refunds = self.records.orders, self.records.refunds
        charges = self.records.charges
        return {
            "invoices": self.ledger.invoices,
            "orders": len(orders),
            "orders_refused": sum(it.state == "refused" for it in orders),
            "rows_refused": self.ledger.rows_refused.total(),
            "refunds": len(refunds),
            "taken_pence": sum(
                it.amount_pence for it in charges if it.state == "captured"
            ),
            "given_back_pence": sum(it.refunded_pence for it in charges),
            "orders_per_second": round(len(orders) / max(self.seconds, 1e-9), 3),
        }


def _parts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "none"
