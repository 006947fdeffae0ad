"""What a stay costs from its first minute on: bought, made longer, or stopped before its end.

Pure. Puts the questions of stays to `offers.parking.tariffs`, always with what its quote pinned: the version
of the tariff, the classes of the driver, and the free minutes that the plate had before. What is bought ends
where its price does, as long as it does so in paid hours: whoever asks for 47 minutes of a tariff by the
quarter gets 60. In free hours it ends as asked, though nothing more is due until `covered_until`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from geo.errors import Conflict, Fault, InvalidInput
from geo.wall_clock import rfc3339
from offers.parking import tariffs
from offers.parking.restrictions import Restriction, forbidding
from offers.parking.stays import Purchase, Stay
from offers.parking.tariffs import (
    FreeUse,
    Priced,
    StayNotAllowed,
    Step,
    Tariff,
    extension,
    price,
    scale,
    until_for,
)

__all__ = [
    "Bought",
    "Terms",
    "buy",
    "buy_more",
    "check_allowed",
    "free_used",
    "scale_of",
    "until_of",
    "worth_at",
]

_MINUTE: Final = timedelta(minutes=1)
# How finely, and how far, the hours of restrictions are looked at.
_LOOK_EVERY: Final = timedelta(minutes=15)
_LOOK_AHEAD: Final = timedelta(days=2)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """By what a stay is priced. `free_before` are the free minutes the plate had before it."""

    tariff: Tariff
    zone: ZoneInfo
    classes: frozenset[str]
    free_before: tuple[FreeUse, ...] = ()


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """`price_minor` is to be paid now, for a stay until `until`; `priced` is what the tariff says of it."""

    until: datetime
    covered_until: datetime
    price_minor: int
    priced: Priced


def until_of(terms: Terms, starts_at: datetime, until: datetime | None, minutes: int | None) -> datetime:
    """The end that is wished for: a moment, or so many minutes in paid hours.

    Raises InvalidInput (`duration_min`) where there are not so many within a year.
    """
    if until is not None:
        return until
    assert minutes is not None, "one of the two is given"
    found = until_for(terms.tariff, minutes=minutes, start=starts_at, zone=terms.zone, classes=terms.classes)
    if found is None:
        reason = "is longer than what can be paid for here within a year"
        raise InvalidInput(f"duration_min {reason}.", faults=(Fault("duration_min", reason),))
    return found


def buy(terms: Terms, starts_at: datetime, until: datetime) -> Bought:
    """A stay from `starts_at`. Raises InvalidInput or Conflict `stay_not_allowed` for one there is not."""
    _check_after(until, starts_at)
    priced = _whole(terms, starts_at, until)
    ends_at, covered_until = _ends(terms, starts_at, until, priced)
    return Bought(until=ends_at, covered_until=covered_until, price_minor=priced.price_minor, priced=priced)


def buy_more(terms: Terms, stay: Stay, until: datetime) -> Bought:
    """The stay until `until` instead, for what is to be paid on top. Raises as `buy`."""
    _check_after(until, stay.ends_at)
    try:
        more = extension(
            terms.tariff,
            start=stay.starts_at,
            paid_until=stay.ends_at,
            until=until,
            paid_minor=stay.price_minor,
            zone=terms.zone,
            classes=terms.classes,
            used=terms.free_before,
        )
    except StayNotAllowed as error:
        raise _not_allowed(error) from None
    begins = stay.starts_at if terms.tariff.extension == "cumulative" else stay.ends_at
    ends_at, covered_until = _ends(terms, begins, until, more.priced)
    return Bought(
        until=ends_at, covered_until=covered_until, price_minor=more.price_minor, priced=more.priced
    )


def worth_at(terms: Terms, stay: Stay, at: datetime) -> int:
    """What the stay costs until `at`, by the same rule as its purchases; at most what was paid for it."""
    at = min(at, stay.ends_at)
    if at <= stay.starts_at:
        return 0
    if terms.tariff.extension == "cumulative":
        return min(stay.price_minor, _whole(terms, stay.starts_at, at).price_minor)
    return min(stay.price_minor, sum(_worth_of_parts(terms, stay, at)))


def scale_of(terms: Terms, starts_at: datetime) -> tuple[Step, ...]:
    """Every price of a stay from `starts_at`."""
    return scale(
        terms.tariff, start=starts_at, zone=terms.zone, classes=terms.classes, used=terms.free_before
    )


def free_used(terms: Terms, stay: Stay, until: datetime) -> tuple[FreeUse, ...]:
    """The free minutes that the stay had until then, by local day: the plate's next stay has fewer."""
    if until <= stay.starts_at:
        return ()
    return tariffs.free_used(
        terms.tariff,
        start=stay.starts_at,
        until=until,
        zone=terms.zone,
        classes=terms.classes,
        used=terms.free_before,
    )


def check_allowed(
    restrictions: Sequence[Restriction], terms: Terms, starts_at: datetime, until: datetime
) -> None:
    """Raise Conflict `parking_forbidden` where a restriction of the zone begins before the stay ends."""
    at = starts_at
    while restrictions and at < min(until, starts_at + _LOOK_AHEAD):
        found = forbidding(restrictions, terms.zone.key, terms.classes, at)
        if found is not None:
            detail = f"At {rfc3339(at)} this zone is restricted: {found.kind.replace('_', ' ')}."
            raise Conflict(detail, code="parking_forbidden")
        at += _LOOK_EVERY


def _worth_of_parts(terms: Terms, stay: Stay, at: datetime) -> list[int]:
    """Of purchases that each begin anew: whole ones at their price, the one that `at` lies in by its time."""
    worth: list[int] = []
    bought: tuple[Purchase, ...] = ()
    begins = stay.starts_at
    for purchase in stay.paid:
        if at >= purchase.until:
            worth.append(purchase.price_minor)
        elif at > begins and not bought:
            worth.append(_whole(terms, begins, at).price_minor)
        elif at > begins:
            until_then = msgspec.structs.replace(stay, purchases=bought, ends_at=begins)
            worth.append(buy_more(terms, until_then, at).price_minor)
        bought = (*bought, purchase)
        begins = purchase.until
    return worth


def _whole(terms: Terms, starts_at: datetime, until: datetime) -> Priced:
    try:
        return price(
            terms.tariff,
            start=starts_at,
            until=until,
            zone=terms.zone,
            classes=terms.classes,
            used=terms.free_before,
        )
    except StayNotAllowed as error:
        raise _not_allowed(error) from None


def _ends(terms: Terms, begins: datetime, until: datetime, priced: Priced) -> tuple[datetime, datetime]:
    """(when what was bought ends, until when nothing more is due)."""
    held = priced.ends_at
    if held is None or held <= until:
        return until, until
    added_minutes = -((begins - held) // _MINUTE) + ((begins - until) // _MINUTE)
    in_paid_hours = _whole(terms, begins, held).paid_minutes - _whole(terms, begins, until).paid_minutes
    return (held if in_paid_hours == added_minutes else until), held


def _check_after(until: datetime, before: datetime) -> None:
    if until <= before:
        reason = f"must be after {rfc3339(before)}"
        raise InvalidInput(f"until {reason}.", faults=(Fault("until", reason),))


def _not_allowed(error: StayNotAllowed) -> Conflict:
    """The same words; as a state of the tariff rather than a fault of whoever asks."""
    return Conflict(error.detail, faults=error.faults, code="stay_not_allowed")
