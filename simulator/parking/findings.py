"""What a run found about parking, for the report."""

from collections.abc import Iterator

import msgspec

from simulator.journal import Journal
from simulator.parking.prompts import PromptScore


class PromptFindings(msgspec.Struct, kw_only=True):
    """Questions whether to pay, against cars that stopped; `simulator.parking.prompts` has the rule."""

    asked: int
    due: int
    found: int
    wrong: int
    pedestrians_asked: int
    precision: float
    recall: float

    @classmethod
    def of(cls, score: PromptScore) -> "PromptFindings":
        """Rounded to what means something."""
        return cls(
            asked=score.asked,
            due=score.due,
            found=score.found,
            wrong=score.wrong,
            pedestrians_asked=score.pedestrians_asked,
            precision=round(score.precision, 4),
            recall=round(score.recall, 4),
        )

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class ParkingFindings(msgspec.Struct, kw_only=True):
    """Stays that ran, what was paid for them and not given back, payments declined, and surcharges.

    `fps` counts the cars for which an inspector was told of one; `ledger_balance_minor` is what all accounts
    sum to, by the public books.
    """

    sessions: int
    paid_minor: int
    declined: int
    fps: int
    ledger_balance_minor: int
    drivers: int
    stops_in_zones: int
    extended: int
    inspected: int
    prompts: PromptFindings

    def lines(self) -> Iterator[tuple[str, str]]:
        """In words, for a terminal."""
        yield "drivers", f"{self.drivers:,}"
        yield "  stops in paid zones", f"{self.stops_in_zones:,}"
        yield "  parking sessions", f"{self.sessions:,}"
        yield "  of them extended", f"{self.extended:,}"
        yield "  paid, in minor units", f"{self.paid_minor:,}"
        yield "  payments declined", f"{self.declined:,}"
        yield "  surcharges (FPS)", f"{self.fps:,}"


def balance_minor(journal: Journal) -> int:
    """Over all currencies; the recount looks at each by itself."""
    return 0 if journal.books is None else sum(journal.books.balance_minor.values())
