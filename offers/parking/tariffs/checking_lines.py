"""What lines and passes must not say: a gap, an overlap, a price that falls, an increment of nothing."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from geo.errors import Fault
from offers.parking.tariffs.lines import price_of_minutes
from offers.parking.tariffs.terms import IncrementLine, Line, Pass, Rate

MOST_LINES: Final = 200
MOST_PASSES: Final = 50
# Ten million euros; no sum of a year overflows what a database keeps.
MOST_MINOR: Final = 1_000_000_000
LONGEST_MINUTES: Final = 366 * 24 * 60
LONGEST: Final = {"paid_days": 366, "days": 366, "months": 12}


def amount_faults(field: str, price_minor: int) -> Iterator[Fault]:
    if price_minor < 0:
        yield Fault(field, "must not be negative")
    elif price_minor > MOST_MINOR:
        yield Fault(field, f"must be at most {MOST_MINOR}")


def span_faults(field: str, minutes: int | None) -> Iterator[Fault]:
    """Of a number of minutes that may be left out."""
    if minutes is not None and not 1 <= minutes <= LONGEST_MINUTES:
        yield Fault(field, f"must be 1 to {LONGEST_MINUTES} minutes")


def line_faults(field: str, lines: tuple[Line, ...]) -> Iterator[Fault]:
    if len(lines) > MOST_LINES:
        yield Fault(field, f"has more than {MOST_LINES} lines")
        return
    faults = [fault for number, line in enumerate(lines) for fault in _one_line(f"{field}[{number}]", line)]
    faults += _seam_faults(field, lines)
    yield from faults
    if not faults:
        yield from _falls(field, lines)


def _one_line(at: str, line: Line) -> Iterator[Fault]:
    yield from amount_faults(f"{at}.price_minor", line.price_minor)
    yield from span_faults(f"{at}.until_minutes", line.until_minutes)
    if line.until_minutes is not None and 1 <= line.until_minutes <= line.from_minutes:
        yield Fault(f"{at}.until_minutes", f"must be more than from_minutes, {line.from_minutes}")
    if isinstance(line, IncrementLine):
        yield from span_faults(f"{at}.per_minutes", line.per_minutes)


def _seam_faults(field: str, lines: tuple[Line, ...]) -> Iterator[Fault]:
    """Lines follow one another from 0 on; only the last may be without an end."""
    reached: int | None = 0
    for number, line in enumerate(lines):
        at = f"{field}[{number}].from_minutes"
        if reached is None:
            yield Fault(at, "comes after a line without until_minutes")
        elif line.from_minutes > reached:
            yield Fault(at, f"leaves a gap from {reached} to {line.from_minutes} minutes")
        elif line.from_minutes < reached:
            yield Fault(at, f"overlaps what is before, which ends at {reached} minutes")
        reached = line.until_minutes


def _falls(field: str, lines: tuple[Line, ...]) -> Iterator[Fault]:
    for number, line in enumerate(lines):
        reached = price_of_minutes(lines[:number], line.from_minutes)
        assert reached is not None, "the lines follow one another"
        if not isinstance(line, IncrementLine) and line.price_minor < reached:
            yield Fault(
                f"{field}[{number}].price_minor", f"falls below {reached}, which is reached before it"
            )


def pass_faults(field: str, rate: Rate) -> Iterator[Fault]:
    if len(rate.passes) > MOST_PASSES:
        yield Fault(field, f"has more than {MOST_PASSES} passes")
        return
    for number, one in enumerate(rate.passes):
        at = f"{field}[{number}]"
        yield from amount_faults(f"{at}.price_minor", one.price_minor)
        said = _lengths(one)
        if len(said) != 1:
            yield Fault(at, "must have one of paid_days, days and months")
        for unit, length in said.items():
            if not 1 <= length <= LONGEST[unit]:
                yield Fault(f"{at}.{unit}", f"must be 1 to {LONGEST[unit]}")
        if rate.overnight == "ends" and said not in ({"paid_days": 1}, {"days": 1}):
            yield Fault(at, "is for more than a day, but overnight is ends")
    yield from _cheaper(field, rate.passes)


def _cheaper(field: str, passes: tuple[Pass, ...]) -> Iterator[Fault]:
    """A longer pass that costs less than a shorter one of its kind leaves the shorter without a buyer."""
    for unit in LONGEST:
        lengths = [(_lengths(one)[unit], n) for n, one in enumerate(passes) if unit in _lengths(one)]
        for (shorter, less), (longer, number) in pairwise(sorted(lengths)):
            if shorter == longer:
                yield Fault(f"{field}[{number}].{unit}", f"{longer} is there twice")
            elif passes[number].price_minor < passes[less].price_minor:
                at = f"{field}[{number}].price_minor"
                yield Fault(at, f"falls below {passes[less].price_minor}, the price of a shorter one")


def _lengths(one: Pass) -> dict[str, int]:
    said = {"paid_days": one.paid_days, "days": one.days, "months": one.months}
    return {unit: length for unit, length in said.items() if length is not None}
