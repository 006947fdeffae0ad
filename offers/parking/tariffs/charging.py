"""What one rate asks for its minutes of a stay: lines or the cheapest pass, free minutes, cap, longest stay.

Pure functions of the rate's stretches. That a price never falls as a stay grows is decided here: each
part is a sum, a minimum or a count of things that do not fall.
"""

from collections.abc import Iterator
from datetime import date
from heapq import merge
from itertools import groupby, takewhile
from operator import attrgetter
from typing import NamedTuple

from offers.parking.tariffs.limits import Refusal
from offers.parking.tariffs.lines import price_of_minutes, rises_after
from offers.parking.tariffs.passes import covers
from offers.parking.tariffs.terms import Charge, Rate


class Metered(NamedTuple):
    """Minutes [begin, end) of the stay, all under `rate` (its place in the tariff) on one local day.

    The first `free` of them are free by quota. Before them the rate had `before` minutes in all, and
    `counted` in the count of its lines.
    """

    rate: int
    day: date
    begin: int
    end: int
    free: int
    before: int
    counted: int

    def counted_until(self, end: int) -> int:
        """The count of the lines once the stay has `end` minutes."""
        return self.counted + max(0, end - self.begin - self.free)


def refusal_of(rate: Rate, stretches: list[Metered]) -> Refusal | None:
    """Why a stay with these stretches of the rate is not allowed, whatever is paid for it; None: it is."""
    if rate.activity == "no_parking":
        return "no_parking"
    if rate.max_stay_minutes is not None and _minutes(stretches) > rate.max_stay_minutes:
        return "max_stay"
    if rate.overnight == "ends" and stretches[-1].day != stretches[0].day:
        return "overnight"
    return None


def charge_of(number: int, rate: Rate, stretches: list[Metered]) -> Charge | None:
    """What the rate adds to a stay with these stretches of it, in order, the last cut at the stay's end.

    None: neither its lines nor a pass are enough for it.
    """
    price, taken = _cheapest(rate, stretches)
    if price is None:
        return None
    free = sum(min(stretch.free, stretch.end - stretch.begin) for stretch in stretches)
    return Charge(
        rate=number, minutes=_minutes(stretches), free_minutes=free, price_minor=price, pass_taken=taken
    )


def _minutes(stretches: list[Metered]) -> int:
    return sum(stretch.end - stretch.begin for stretch in stretches)


def rises_within(rate: Rate, stretch: Metered, after: int) -> Iterator[int]:
    """The durations in the stretch, from `after` on, after which a minute more may cost more, or be refused.

    Ascending; some may come twice.
    """
    longest = (
        [] if rate.max_stay_minutes is None else [stretch.begin + rate.max_stay_minutes - stretch.before]
    )
    known = sorted(at for at in (stretch.begin, *longest) if after <= at < stretch.end)
    yield from merge(known, takewhile(stretch.end.__gt__, _rises_of_lines(rate, stretch, after)))


def _rises_of_lines(rate: Rate, stretch: Metered, after: int) -> Iterator[int]:
    counting_from = stretch.begin + stretch.free - stretch.counted
    return (counting_from + count for count in rises_after(rate.lines, stretch.counted_until(after)))


def _cheapest(rate: Rate, stretches: list[Metered]) -> tuple[int | None, int | None]:
    """Price, and the place of the pass taken: the lines where they are as cheap; None: nothing covers it."""
    best, taken = _price_by_lines(rate, stretches), None
    days = sorted({stretch.day for stretch in stretches})
    for place, one in enumerate(rate.passes):
        if covers(one, days) and (best is None or one.price_minor < best):
            best, taken = one.price_minor, place
    return best, taken


def _price_by_lines(rate: Rate, stretches: list[Metered]) -> int | None:
    total = 0
    for _, of_day in groupby(stretches, key=attrgetter("day")):
        day = list(of_day)
        before = price_of_minutes(rate.lines, day[0].counted)
        until = price_of_minutes(rate.lines, day[-1].counted_until(day[-1].end))
        if before is None or until is None:
            return None
        added = until - before
        total += added if rate.cap_per_day_minor is None else min(added, rate.cap_per_day_minor)
    return total
