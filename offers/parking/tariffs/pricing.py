"""The questions put to a tariff: what a stay costs, the whole scale, an extension, how long one may stay.

`classes` are the user classes of the driver, `used` the free minutes that the plate had before this
stay. Times may have any offset; those that come back are UTC. Started minutes count as whole ones,
from the very second in which the stay began.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from geo.errors import Fault, InvalidInput
from offers.parking.tariffs.limits import Refusal, StayNotAllowed, is_bounded
from offers.parking.tariffs.metering import HORIZON, HORIZON_MINUTES, Meter
from offers.parking.tariffs.terms import Extension, FreeUse, Priced, Step, Tariff

MOST_STEPS: Final = 300
_TRIED_RISES: Final = 3

_NOBODY: Final[frozenset[str]] = frozenset()


def price(
    tariff: Tariff,
    *,
    start: datetime,
    until: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
) -> Priced:
    """What the stay costs that begins at `start` and ends at `until`.

    InvalidInput (`until`) where it is before `start`; StayNotAllowed where the tariff has no such stay.
    """
    return _priced(Meter(tariff, start, zone, classes, used), until)


def scale(
    tariff: Tariff,
    *,
    start: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
    most_steps: int = MOST_STEPS,
) -> tuple[Step, ...]:
    """Every price there is for a stay from `start`, ascending, each with the latest end it is good for.

    Of a tariff without an end the first `most_steps`. Empty where not even a start is allowed.
    """
    return tuple(islice(_steps(Meter(tariff, start, zone, classes, used)), most_steps))


def extension(
    tariff: Tariff,
    *,
    start: datetime,
    paid_until: datetime,
    until: datetime,
    paid_minor: int,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
) -> Extension:
    """What is to be paid to go on from `paid_until` until `until`, for a stay that began at `start`.

    `cumulative`: the price of the whole without what was paid, never below 0; `used` is what the plate
    had before `start`. `new`: the price of a purchase that begins at `paid_until`, which uses what free
    minutes the first part left; a longest stay and times without parking still hold for the whole.
    """
    meter = Meter(tariff, start, zone, classes, used)
    if tariff.extension == "cumulative":
        whole = _priced(meter, until)
        return Extension(price_minor=max(0, whole.price_minor - paid_minor), priced=whole)
    _check_whole(meter, until)
    first = _minutes(meter, paid_until)
    had = (*used, *_free_used(meter, first))
    added = _priced(Meter(tariff, paid_until, zone, classes, had, meter.metered_minutes(first)), until)
    return Extension(price_minor=added.price_minor, priced=added)


def longest_stay_until(
    tariff: Tariff,
    *,
    start: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
) -> datetime | None:
    """The latest end of a stay from `start`: `start` itself where none is allowed; None: no end in a year."""
    meter = Meter(tariff, start, zone, classes, used)
    longest = _longest(meter, _has_price(meter))
    return None if longest is None else meter.moment(longest)


def until_for(
    tariff: Tariff,
    *,
    minutes: int,
    start: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
) -> datetime | None:
    """The moment at which so many minutes in paid hours, free ones by quota among them, are over.

    None: there are not so many within a year. Says nothing of whether that stay is allowed.
    """
    left = minutes
    meter = Meter(tariff, start, zone, classes, ())
    for stretch in meter.stretches() if left > 0 else ():
        if tariff.rates[stretch.rate].activity == "parking":
            if left <= stretch.end - stretch.begin:
                return meter.moment(stretch.begin + left)
            left -= stretch.end - stretch.begin
    return meter.start if left <= 0 else None


def free_used(
    tariff: Tariff,
    *,
    start: datetime,
    until: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
) -> tuple[FreeUse, ...]:
    """The free minutes that a stay takes of its plate, by day, whether or not it has a price as a whole."""
    meter = Meter(tariff, start, zone, classes, used)
    return _free_used(meter, _minutes(meter, until))


def free_until(
    tariff: Tariff,
    *,
    start: datetime,
    zone: ZoneInfo,
    classes: AbstractSet[str] = _NOBODY,
    used: Sequence[FreeUse] = (),
) -> datetime | None:
    """Until when a stay from `start` costs nothing: `start` itself in paid hours; None: all the year."""
    meter = Meter(tariff, start, zone, classes, used)
    free = _holds_until(meter, 0, 0)
    return None if free is None else meter.moment(free)


def _priced(meter: Meter, until: datetime) -> Priced:
    minutes = _minutes(meter, until)
    charges = meter.charges(minutes)
    if isinstance(charges, str):
        raise _not_allowed(meter, charges, _has_price(meter))
    total = sum(charge.price_minor for charge in charges)
    holds = _holds_until(meter, minutes, total)
    return Priced(
        price_minor=total,
        currency=meter.tariff.currency,
        paid_minutes=sum(charge.minutes for charge in charges),
        free_minutes=sum(charge.free_minutes for charge in charges),
        lines=charges,
        ends_at=None if holds is None else meter.moment(holds),
        fps_minor=meter.tariff.fps_minor,
        free_used=_free_used(meter, minutes),
    )


def _minutes(meter: Meter, until: datetime) -> int:
    if until < meter.start:
        raise InvalidInput("until is before start.", faults=(Fault("until", "must not be before start"),))
    if until > meter.start + HORIZON:
        raise StayNotAllowed("too_far", meter.start + HORIZON)
    return meter.minutes_until(until)


def _holds_until(meter: Meter, minutes: int, price_minor: int) -> int | None:
    """The longest stay, from `minutes` on, that costs no more than `price_minor`; None: no end in a year.

    Where the price may rise next is known, and mostly it does. Where not (a cap that is reached, lines
    that add nothing), the end is searched for: there may be half a million such places.
    """
    reached = minutes
    for reached in islice(meter.rises(minutes), _TRIED_RISES):
        if meter.price_minor(reached + 1) != price_minor:
            return reached
    return _last_where(lambda longer: meter.price_minor(longer) == price_minor, reached)


def _steps(meter: Meter) -> Iterator[Step]:
    minutes, reached = 0, 0
    while True:
        holds = _holds_until(meter, minutes, reached)
        if holds is None:
            yield _step(meter, None, reached)
            return
        if holds > 0:
            yield _step(meter, holds, reached)
        further = meter.price_minor(holds + 1)
        if further is None:
            return
        minutes, reached = holds + 1, further


def _step(meter: Meter, minutes: int | None, price_minor: int) -> Step:
    far = HORIZON_MINUTES if minutes is None else minutes
    until = None if minutes is None else meter.moment(minutes)
    return Step(until=until, paid_minutes=meter.metered_minutes(far), price_minor=price_minor)


def _free_used(meter: Meter, minutes: int) -> tuple[FreeUse, ...]:
    of_day: Counter[date] = Counter()
    for stretch in meter.stretches(minutes):
        of_day[stretch.day] += min(stretch.free, minutes - stretch.begin)
    return tuple(FreeUse(day, free) for day, free in of_day.items() if free)


def _check_whole(meter: Meter, until: datetime) -> None:
    """What holds for a whole stay even where its parts are bought one by one."""
    refusal = meter.refusal(_minutes(meter, until))
    if refusal is not None:
        raise _not_allowed(meter, refusal, lambda minutes: meter.refusal(minutes) is None)


def _not_allowed(meter: Meter, refusal: Refusal, is_allowed: Callable[[int], bool]) -> StayNotAllowed:
    longest = _longest(meter, is_allowed)
    assert longest is not None, "what is refused has a longest stay"
    return StayNotAllowed(refusal, meter.moment(longest) if longest > 0 else None)


def _has_price(meter: Meter) -> Callable[[int], bool]:
    return lambda minutes: meter.price_minor(minutes) is not None


def _longest(meter: Meter, is_allowed: Callable[[int], bool]) -> int | None:
    """Whether a stay is allowed turns from yes to no once, if at all."""
    if not any(is_bounded(rate) for rate in meter.concerned()):
        return None
    return _last_where(is_allowed, 0)


def _last_where(holds: Callable[[int], bool], known: int) -> int | None:
    """The largest duration for which `holds`, which is true of `known` and turns to false at most once.

    None: it holds for a year. Galloping, then halving.
    """
    step = 1
    while holds(min(known + step, HORIZON_MINUTES)):
        if known + step >= HORIZON_MINUTES:
            return None
        known, step = known + step, 2 * step
    fails = min(known + step, HORIZON_MINUTES)
    while fails - known > 1:
        middle = (known + fails) // 2
        if holds(middle):
            known = middle
        else:
            fails = middle
    return known
