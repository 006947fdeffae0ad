"""What a tariff means to somebody who parks now: whether anything is to be paid, until when, and how much.

Pure; the prices are `offers.parking.tariffs`'.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from offers.parking.tariffs import (
    Rate,
    StayNotAllowed,
    Tariff,
    longest_stay_until,
    price,
    scale,
    until_for,
)
from offers.parking.tariffs.limits import rates_for
from offers.schedule import is_open, next_change

State = Literal["paid", "free", "forbidden"]

_NOBODY: Final[frozenset[str]] = frozenset()
_HOUR_MINUTES: Final = 60
_MOST_STEPS: Final = 6
# Changes of hours that change nothing (a rate gives way to a like one) are stepped over, but not for ever.
_MOST_CHANGES: Final = 50


class ShortStep(msgspec.Struct, frozen=True, kw_only=True):
    """A price, and how many minutes in paid hours it is good for."""

    paid_minutes: int
    price_minor: int


class PayingNow(msgspec.Struct, frozen=True, kw_only=True):
    """`changes_at` is when `state` is another, None: not within a year.

    `hour_minor` is the price of an hour in paid hours from now on, None where no stay may be that long;
    `longest_stay_until` None: there is no limit.
    """

    state: State
    changes_at: datetime | None
    currency: str
    hour_minor: int | None
    first_steps: list[ShortStep]
    longest_stay_until: datetime | None


def paying_now(
    tariff: Tariff, now: datetime, time_zone: str, classes: AbstractSet[str] = _NOBODY
) -> PayingNow:
    """For a driver with these classes."""
    zone = ZoneInfo(time_zone)
    rates = [tariff.rates[n] for n in rates_for(tariff, classes)]
    steps = scale(tariff, start=now, zone=zone, classes=classes, most_steps=_MOST_STEPS)
    return PayingNow(
        state=state_at(rates, now, time_zone),
        changes_at=_changes_at(rates, now, time_zone),
        currency=tariff.currency,
        hour_minor=_hour_minor(tariff, now, zone, classes),
        first_steps=[
            ShortStep(paid_minutes=one.paid_minutes, price_minor=one.price_minor)
            for one in steps
            if one.price_minor > 0
        ],
        longest_stay_until=longest_stay_until(tariff, start=now, zone=zone, classes=classes),
    )


def state_at(rates: list[Rate], at: datetime, time_zone: str) -> State:
    """By the first of these rates whose hours hold; free where none does."""
    rate = next((one for one in rates if is_open(one.hours, time_zone, at)), None)
    if rate is None:
        return "free"
    if rate.activity == "no_parking":
        return "forbidden"
    return "paid" if any(line.price_minor for line in rate.lines) or rate.passes else "free"


def _changes_at(rates: list[Rate], now: datetime, time_zone: str) -> datetime | None:
    state, at = state_at(rates, now, time_zone), now
    for _ in range(_MOST_CHANGES):
        changes = [moment for one in rates if (moment := next_change(one.hours, time_zone, at)) is not None]
        if not changes:
            return None
        at = min(changes)
        if state_at(rates, at, time_zone) != state:
            return at
    return None


def _hour_minor(tariff: Tariff, now: datetime, zone: ZoneInfo, classes: AbstractSet[str]) -> int | None:
    until = until_for(tariff, minutes=_HOUR_MINUTES, start=now, zone=zone, classes=classes)
    if until is None:
        return None
    try:
        return price(tariff, start=now, until=until, zone=zone, classes=classes).price_minor
    except StayNotAllowed:
        return None
