"""Where a stay is not allowed, when a driver may come back, and what is due without a payment.

Owns the refusal and the rules that need no clock of the zone. How long a stay may be is `metering`'s.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, Literal

from geo.errors import Fault, InvalidInput
from geo.wall_clock import later, rfc3339
from offers.parking.tariffs.terms import Rate, Tariff

Refusal = Literal["max_stay", "no_parking", "scale_ends", "overnight", "too_far"]

_WORDS: Final[dict[Refusal, str]] = {
    "max_stay": "the longest stay allowed here ends then",
    "no_parking": "parking is not allowed from then on",
    "scale_ends": "the tariff has no price for a longer stay",
    "overnight": "the next day cannot be paid in advance",
    "too_far": "a stay is at most 366 days",
}


class StayNotAllowed(InvalidInput):
    """The tariff has no such stay. `allowed_until` is the latest end it has; None: not even a start."""

    def __init__(self, refusal: Refusal, allowed_until: datetime | None) -> None:
        if allowed_until is None:
            fault = Fault("start", "is when parking is not allowed here")
        else:
            fault = Fault("until", f"must be at most {rfc3339(allowed_until)}: {_WORDS[refusal]}")
        super().__init__(f"{fault.field} {fault.reason}.", faults=(fault,))
        self.refusal = refusal
        self.allowed_until = allowed_until


def rates_for(tariff: Tariff, classes: AbstractSet[str]) -> tuple[int, ...]:
    """The places of the rates that concern a driver with these classes, the first to hold first.

    A driver must have every class a rate names (CDS); a rate that names none concerns everybody.
    """
    concerned = [n for n, rate in enumerate(tariff.rates) if set(rate.user_classes) <= classes]
    return tuple(sorted(concerned, key=lambda n: tariff.rates[n].priority))


def may_return_at(tariff: Tariff, *, ended_at: datetime, classes: AbstractSet[str] = frozenset()) -> datetime:
    """From when a plate that left at `ended_at` may begin another stay: the longest no-return time counts.

    In real minutes, by night as well. To extend a stay that has not ended is not to return.
    """
    waits = [tariff.rates[n].no_return_minutes or 0 for n in rates_for(tariff, classes)]
    return later(ended_at, timedelta(minutes=max(waits, default=0)))


def fps_due_minor(tariff: Tariff, *, paid_minor: int) -> int | None:
    """The FPS of a stay for which `paid_minor` was paid; None where the tariff has none, never below 0.

    Forfait de post-stationnement: Code général des collectivités territoriales, art. L2333-87, which
    takes what was paid at once off it.
    """
    return None if tariff.fps_minor is None else max(0, tariff.fps_minor - paid_minor)


def is_bounded(rate: Rate) -> bool:
    """Whether a stay under this rate has a longest duration, or no place at all."""
    open_ended = any(line.until_minutes is None for line in rate.lines)
    limited = rate.max_stay_minutes is not None or rate.overnight == "ends"
    return rate.activity == "no_parking" or limited or not open_ended
