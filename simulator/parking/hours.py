"""Whether it is a paid hour, by the plain weekly part of the OSM `opening_hours` syntax.

Written by itself, not to share a bug with the server. What it does not understand (holidays, months, nth
weekdays) it does not judge: drivers park there, and nobody is accused.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time
from typing import Final, NamedTuple

DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
ALWAYS: Final = "24/7"
MINUTES_A_DAY: Final = 24 * 60

_DAY: Final = "|".join(DAYS)
_RULE: Final = re.compile(
    rf"(?:(?P<days>(?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*) )?"
    r"(?P<spans>\d\d:\d\d-\d\d:\d\d(?:,\d\d:\d\d-\d\d:\d\d)*|off)"
)


class Week(NamedTuple):
    """For each weekday (Monday first) the half-open spans of minutes since midnight."""

    days: tuple[tuple[tuple[int, int], ...], ...]

    def holds(self, local: datetime) -> bool:
        """Whether a wall-clock moment is within."""
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.days[local.weekday()])


def read_hours(written: str) -> Week | None:
    """None for what is more than a week with times within its days. A later rule replaces an earlier."""
    if written == ALWAYS:
        return Week((((0, MINUTES_A_DAY),),) * len(DAYS))
    days: list[tuple[tuple[int, int], ...]] = [()] * len(DAYS)
    for rule in written.split(";"):
        found = _RULE.fullmatch(rule.strip())
        spans = None if found is None else _spans(found["spans"])
        if found is None or spans is None:
            return None
        for day in _days(found["days"]):
            days[day] = spans
    return Week(tuple(days))


def _spans(written: str) -> tuple[tuple[int, int], ...] | None:
    if written == "off":
        return ()
    spans = [tuple(_minute(at) for at in span.split("-")) for span in written.split(",")]
    if any(start >= end for start, end in spans):  # past midnight
        return None
    return tuple((start, end) for start, end in spans)


def _minute(written: str) -> int:
    if written == "24:00":
        return MINUTES_A_DAY
    at = time.fromisoformat(written)
    return at.hour * 60 + at.minute


def _days(written: str | None) -> Sequence[int]:
    if written is None:
        return range(len(DAYS))
    found: list[int] = []
    for part in written.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found += range(start, end + 1) if start <= end else [*range(start, len(DAYS)), *range(end + 1)]
    return found
