"""The lines of a rate as a function: minutes to price, and where it may rise.

Minutes are counted in the rate's own count, which `metering` keeps. A line holds for the stays that
end after its `from_minutes`, at its `until_minutes` the latest: half-open over the minutes it counts.
"""

from collections.abc import Iterator

from offers.parking.tariffs.terms import IncrementLine, Line


def price_of_minutes(lines: tuple[Line, ...], minutes: int) -> int | None:
    """What `minutes` cost; None: more than the last line allows. No minutes cost nothing."""
    if minutes <= 0:
        return 0
    reached = 0
    for line in lines:
        end = minutes if line.until_minutes is None else min(minutes, line.until_minutes)
        reached = _price_within(line, end, reached)
        if end == minutes:
            return reached
    return None


def _price_within(line: Line, minutes: int, reached: int) -> int:
    if isinstance(line, IncrementLine):
        return reached + line.price_minor * _started(minutes - line.from_minutes, line.per_minutes)
    return line.price_minor


def _started(minutes: int, per_minutes: int) -> int:
    return -(-minutes // per_minutes)


def rises_after(lines: tuple[Line, ...], minutes: int) -> Iterator[int]:
    """The counts from `minutes` on after which one minute more may cost more, or is not allowed."""
    for line in lines:
        end = line.until_minutes
        if isinstance(line, IncrementLine):
            gone = max(0, _started(minutes - line.from_minutes, line.per_minutes))
            at = line.from_minutes + gone * line.per_minutes
            while end is None or at < end:
                yield at
                at += line.per_minutes
        elif line.from_minutes >= minutes:
            yield line.from_minutes
    last = lines[-1].until_minutes if lines else None
    if last is not None and last >= minutes:
        yield last
