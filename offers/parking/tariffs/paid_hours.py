"""Which rate holds when, day by day: opening hours of the zone's wall as moments, the first rate winning.

Built on `offers.schedule`, which knows public holidays by the zone's country and both kinds of clock
change: a day is from local midnight to the next, so of 23 to 25 hours, and hours that happen twice
are there twice. Hours that are not known would be free; `checking` refuses such texts.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from geo.wall_clock import moment_of
from offers.schedule import is_open, next_change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Stretch(NamedTuple):
    """From `begin` until before `end` (microseconds since 1970) the hours at `position` hold."""

    begin: int
    end: int
    position: int


def microseconds_of(at: datetime) -> int:
    """Exact, unlike `datetime.timestamp`, which is a float."""
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=16_384)
def clock_us(day: date, clock: str, time_zone: str) -> int:
    """When (microseconds since 1970) the wall first shows `clock`, HH:MM, on this local day."""
    return microseconds_of(moment_of(datetime.combine(day, time.fromisoformat(clock)), time_zone))


@lru_cache(maxsize=16_384)
def stretches_of(hours: tuple[str, ...], time_zone: str, day: date) -> tuple[Stretch, ...]:
    """The stretches of a local day in which any of `hours` hold, in order; where several do, the first."""
    begin, end = _midnight(day, time_zone), _midnight(day + timedelta(days=1), time_zone)
    spans = [_spans(text, time_zone, begin, end) for text in hours]
    cuts = sorted({moment for one in spans for span in one for moment in span})
    found: list[Stretch] = []
    for left, right in pairwise(cuts):
        holding = (n for n, one in enumerate(spans) if any(b <= left < e for b, e in one))
        position = next(holding, None)
        if position is not None:
            _add(found, Stretch(left, right, position))
    return tuple(found)


def _add(found: list[Stretch], stretch: Stretch) -> None:
    last = found[-1] if found else None
    if last is not None and last.end == stretch.begin and last.position == stretch.position:
        found[-1] = last._replace(end=stretch.end)
    else:
        found.append(stretch)


@lru_cache(maxsize=16_384)
def _spans(hours: str, time_zone: str, begin: datetime, end: datetime) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    at: datetime | None = begin
    while at is not None and at < end:
        change = next_change(hours, time_zone, at)
        until = end if change is None else min(change, end)
        if is_open(hours, time_zone, at):
            spans.append((microseconds_of(at), microseconds_of(until)))
        at = until
    return spans


@lru_cache(maxsize=16_384)
def _midnight(day: date, time_zone: str) -> datetime:
    return moment_of(datetime.combine(day, time.min), time_zone)
