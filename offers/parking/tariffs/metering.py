"""One stay on the meter: its minutes, each under the rate that holds when it begins, and their price.

A stay of n minutes is [start, start + n minutes) of real time; its minute k belongs to the rate whose
hours hold at start + k minutes, and costs nothing where none do. A rate sees only its own minutes.
Nothing here can make a price fall as n grows: every part of it is a sum, a minimum or a count of
things that do not.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from geo.errors import Fault, InvalidInput
from offers.parking.tariffs.charging import Metered, charge_of, refusal_of, rises_within
from offers.parking.tariffs.limits import Refusal, rates_for
from offers.parking.tariffs.paid_hours import clock_us, microseconds_of, stretches_of
from offers.parking.tariffs.terms import Charge, FreeUse, Rate, Tariff

HORIZON: Final = timedelta(days=366)
HORIZON_MINUTES: Final = HORIZON // timedelta(minutes=1)
_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 9000
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = "00:00"
_MINUTE_US: Final = 60_000_000


class Meter:
    """The stretches of a stay that begins at `start`, made day by day as far as they are asked for."""

    def __init__(
        self,
        tariff: Tariff,
        start: datetime,
        zone: ZoneInfo,
        classes: AbstractSet[str],
        used: Sequence[FreeUse],
        earlier_minutes: int = 0,
    ) -> None:
        """`earlier_minutes`: those in paid hours that the same stay had before `start`."""
        _check_start(start)
        self.tariff = tariff
        self.start = start.astimezone(UTC)
        self._rates = rates_for(tariff, classes)
        self._hours = tuple(tariff.rates[n].hours for n in self._rates)
        self._zone = str(zone)
        self._start_us = microseconds_of(self.start)
        self._used = used
        self._earlier_minutes = earlier_minutes
        self._next_day = start.astimezone(zone).date()
        self._reached = 0
        self._stretches: list[Metered] = []
        self._last_of: dict[int, Metered] = {}

    def minutes_until(self, until: datetime) -> int:
        """Started minutes of the stay at `until`."""
        return self._ceil(microseconds_of(until))

    def moment(self, minutes: int) -> datetime:
        return self.start + timedelta(minutes=minutes)

    def concerned(self) -> tuple[Rate, ...]:
        """The rates that concern this driver."""
        return tuple(self.tariff.rates[n] for n in self._rates)

    def stretches(self, minutes: int = HORIZON_MINUTES) -> Iterator[Metered]:
        """In order, those that begin within the first `minutes`, each in its full length."""
        seen = 0
        while self._rates:
            while seen < len(self._stretches):
                if self._stretches[seen].begin >= minutes:
                    return
                yield self._stretches[seen]
                seen += 1
            if self._reached >= minutes:
                return
            self._read_day()

    def metered_minutes(self, minutes: int) -> int:
        """Those in paid hours of a stay of `minutes`."""
        return sum(min(minutes, stretch.end) - stretch.begin for stretch in self.stretches(minutes))

    def refusal(self, minutes: int) -> Refusal | None:
        """Why no stay may have `minutes`, at whatever price; None: it may."""
        told = (refusal_of(self.tariff.rates[n], one) for n, one in self._by_rate(minutes))
        return next((refusal for refusal in told if refusal is not None), None)

    def charges(self, minutes: int) -> tuple[Charge, ...] | Refusal:
        """What each rate adds to a stay of so many minutes, or why there is no such stay."""
        charges = []
        for number, stretches in self._by_rate(minutes):
            rate = self.tariff.rates[number]
            refusal = refusal_of(rate, stretches)
            charge = None if refusal else charge_of(number, rate, stretches)
            if charge is None:
                return refusal or "scale_ends"
            charges.append(charge)
        return tuple(charges)

    def _by_rate(self, minutes: int) -> Iterable[tuple[int, list[Metered]]]:
        of_rate: dict[int, list[Metered]] = {}
        for stretch in self.stretches(minutes):
            cut = stretch if stretch.end <= minutes else stretch._replace(end=minutes)
            of_rate.setdefault(cut.rate, []).append(cut)
        return of_rate.items()

    def price_minor(self, minutes: int) -> int | None:
        """The sum of the charges; None where there is no such stay."""
        charges = self.charges(minutes)
        return None if isinstance(charges, str) else sum(charge.price_minor for charge in charges)

    def rises(self, after: int) -> Iterator[int]:
        """The durations from `after` on, ascending, after which a minute may cost more, or be refused."""
        for stretch in self.stretches():
            if stretch.end > after:
                yield from rises_within(self.tariff.rates[stretch.rate], stretch, after)

    def _read_day(self) -> None:
        for begin, end, position in stretches_of(self._hours, self._zone, self._next_day):
            number = self._rates[position]
            for day, cut_begin, cut_end in self._by_day(self.tariff.rates[number], begin, end):
                first, last = max(0, self._ceil(cut_begin)), self._ceil(cut_end)
                if first < last:
                    self._add(number, day, first, last)
        self._next_day += _DAY
        self._reached = self._ceil(clock_us(self._next_day, _MIDNIGHT, self._zone))

    def _by_day(self, rate: Rate, begin: int, end: int) -> Iterator[tuple[date, int, int]]:
        """The parts of [begin, end), within one calendar day, by the rate's own days."""
        turn = clock_us(self._next_day, rate.day_begins, self._zone)
        if begin < turn:
            yield self._next_day - _DAY, begin, min(end, turn)
        if end > turn:
            yield self._next_day, max(begin, turn), end

    def _add(self, number: int, day: date, begin: int, end: int) -> None:
        rate, last = self.tariff.rates[number], self._last_of.get(number)
        before = counted = 0
        if last is not None:
            before = last.before + last.end - last.begin
            begins_anew = rate.overnight == "anew" and last.day != day
            counted = 0 if begins_anew else last.counted + last.end - last.begin - last.free
        free = min(end - begin, self._free_left(rate, day, before))
        stretch = Metered(number, day, begin, end, free, before, counted)
        self._stretches.append(stretch)
        self._last_of[number] = stretch

    def _free_left(self, rate: Rate, day: date, before: int) -> int:
        if rate.free is None:
            return 0
        if rate.free.per == "stay":
            return max(0, rate.free.minutes - before - self._earlier_minutes)
        had = sum(use.minutes for use in self._used if use.day == day)
        if had and rate.free.remainder == "lost":
            return 0
        had += sum(one.free for one in self._stretches if one.day == day)
        return max(0, rate.free.minutes - had)

    def _ceil(self, moment_us: int) -> int:
        return -((self._start_us - moment_us) // _MINUTE_US)


def _check_start(start: datetime) -> None:
    if start.tzinfo is None or not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        raise InvalidInput(
            "start cannot be priced.", faults=(Fault("start", "must have an offset, and be of this age"),)
        )
