"""A deliberately slow parking meter: minute by minute, straight from what the guide says of a tariff.

It shares with the engine the values of a tariff, `is_open` and the zone's calendar, and nothing else.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from geo.wall_clock import moment_of
from offers.parking.tariffs import FreeUse, IncrementLine, Pass, Rate, Tariff
from offers.schedule import is_open

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Minute(NamedTuple):
    """A minute of the stay in paid hours: whose it is, on which day, and whether a quota makes it free."""

    rate: int
    day: date
    is_free: bool


def slow_price(
    tariff: Tariff,
    start: datetime,
    until: datetime,
    zone: ZoneInfo,
    classes: frozenset[str] = frozenset(),
    used: Sequence[FreeUse] = (),
) -> int | str:
    """The price, or why there is no such stay."""
    minutes = list(_minutes(tariff, start, until, zone, classes, used))
    total = 0
    for number in dict.fromkeys(minute.rate for minute in minutes):
        price = _price_of_rate(tariff.rates[number], [one for one in minutes if one.rate == number])
        if isinstance(price, str):
            return price
        total += price
    return total


def _minutes(
    tariff: Tariff,
    start: datetime,
    until: datetime,
    zone: ZoneInfo,
    classes: frozenset[str],
    used: Sequence[FreeUse],
) -> Iterator[Minute]:
    had = Counter({use.day: 0 for use in used})
    for use in used:
        had[use.day] += use.minutes
    before = frozenset(had)
    seen: Counter[int] = Counter()
    at = start.astimezone(UTC)
    while at < until:
        number = _winner(tariff, at, zone, classes)
        if number is not None:
            rate = tariff.rates[number]
            day = _day_of(at, rate.day_begins, zone)
            is_free = _is_free(rate, day, had, before, seen[number])
            had[day] += is_free
            seen[number] += 1
            yield Minute(number, day, is_free)
        at += MINUTE


def _winner(tariff: Tariff, at: datetime, zone: ZoneInfo, classes: frozenset[str]) -> int | None:
    holding = [
        (rate.priority, number)
        for number, rate in enumerate(tariff.rates)
        if all(one in classes for one in rate.user_classes) and _holds(rate.hours, zone.key, at)
    ]
    return min(holding)[1] if holding else None


@lru_cache(maxsize=500_000)
def _holds(hours: str, time_zone: str, at: datetime) -> bool:
    return is_open(hours, time_zone, at) is True


def _day_of(at: datetime, day_begins: str, zone: ZoneInfo) -> date:
    day = at.astimezone(zone).date()
    begins = moment_of(datetime.combine(day, time.fromisoformat(day_begins)), zone.key)
    return day if at >= begins else day - DAY


def _is_free(rate: Rate, day: date, had: Counter[date], before: frozenset[date], seen: int) -> bool:
    if rate.free is None:
        return False
    if rate.free.per == "stay":
        return seen < rate.free.minutes
    if rate.free.remainder == "lost" and day in before:
        return False
    return had[day] < rate.free.minutes


def _price_of_rate(rate: Rate, minutes: list[Minute]) -> int | str:
    days = sorted({minute.day for minute in minutes})
    if rate.activity == "no_parking":
        return "no_parking"
    if rate.max_stay_minutes is not None and len(minutes) > rate.max_stay_minutes:
        return "max_stay"
    if rate.overnight == "ends" and len(days) > 1:
        return "overnight"
    prices = [one.price_minor for one in rate.passes if _is_enough(one, days)]
    by_lines = _by_lines(rate, minutes, days)
    if by_lines is not None:
        prices.append(by_lines)
    return min(prices) if prices else "scale_ends"


def _by_lines(rate: Rate, minutes: list[Minute], days: list[date]) -> int | None:
    total = count = 0
    for day in days:
        count = 0 if rate.overnight == "anew" else count
        of_day = 0
        for minute in minutes:
            if minute.day == day and not minute.is_free:
                before, after = _table(rate, count), _table(rate, count + 1)
                if before is None or after is None:
                    return None
                of_day += after - before
                count += 1
        if rate.cap_per_day_minor is not None:
            of_day = min(of_day, rate.cap_per_day_minor)
        total += of_day
    # A day of nothing but free minutes asks the lines for nothing, yet they must reach that far.
    return total if _table(rate, count) is not None else None


@lru_cache(maxsize=100_000)
def _table_of(lines: tuple[object, ...], minutes: int) -> int | None:
    price = 0
    for line in lines:
        assert hasattr(line, "from_minutes")
        if minutes <= line.from_minutes:
            return price
        if isinstance(line, IncrementLine):
            at = line.from_minutes
            while at < minutes and (line.until_minutes is None or at < line.until_minutes):
                price += line.price_minor
                at += line.per_minutes
        else:
            price = line.price_minor
    last = lines[-1] if lines else None
    ends = 0 if last is None else last.until_minutes
    return None if ends is not None and minutes > ends else price


def _table(rate: Rate, minutes: int) -> int | None:
    return _table_of(rate.lines, minutes)


def _is_enough(bought: Pass, days: list[date]) -> bool:
    if bought.paid_days is not None:
        return len(days) <= bought.paid_days
    if bought.days is not None:
        return all(day < days[0] + bought.days * DAY for day in days)
    months = [(day.year - days[0].year) * 12 + day.month - days[0].month for day in days]
    return all(
        month < bought.months or (month == bought.months and day.day < days[0].day)
        for month, day in zip(months, days, strict=True)
    )
