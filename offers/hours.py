"""OSM `opening_hours` expressions: parsed, asked, and kept from doing harm.

The one place that uses the opening_hours library
(https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification). It evaluates on a naive
clock: zones and clock changes are `offers.schedule`'s, so one parse serves every place of a
country. Sunrise and sunset are taken as 07:00 and 19:00, school holidays (SH) as none.
Texts come from retailers and from OSM, so nothing in them is trusted: not their length, not what
they cost, not that the library survives them.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Final, TypeVar

# The library's stubs lack its two errors.
from opening_hours import (  # type: ignore[attr-defined]
    OpeningHours,
    ParserError,
    State,
    UnknownCountryError,
)

from geo.errors import Fault, InvalidInput

MAX_LENGTH: Final = 1000
# Changes further away than this are not looked for, which bounds what an expression can cost.
HORIZON_DAYS: Final = 366

_OPEN_COMMENTS: Final = re.compile(r'open\s*"([^"]*)"', re.IGNORECASE)
_FAULT_PLACE: Final = re.compile(r"--> \d+:(\d+)\n.*= ([^\n]+)", re.DOTALL)
# Some expressions parse and fail when asked, so a few days are tried: winter, summer, a leap day.
_TRIAL_TIMES: Final = [
    datetime.fromisoformat(at) for at in ("2026-01-01 00:00", "2026-06-21 12:00", "2028-02-29 23:59")
]

Answer = TypeVar("Answer")


class HoursError(Exception):
    """The text is not opening hours, or the library cannot evaluate it."""


class Hours:
    """One expression that was understood. Times are naive, on the place's own wall."""

    def __init__(self, text: str, country: str | None = None) -> None:
        """`country` (ISO 3166) decides which days are public holidays (PH); None or unknown: none are.

        Raises HoursError.
        """
        if not text.strip() or len(text) > MAX_LENGTH:
            raise HoursError(f"must have 1 to {MAX_LENGTH} characters")
        self._expression = expression = _survive(lambda: _parse(text, country))
        self._open_comments = frozenset(_OPEN_COMMENTS.findall(text))
        for wall in _TRIAL_TIMES:
            _survive(partial(expression.state, wall))
            _survive(partial(expression.next_change, wall))

    def is_open(self, wall: datetime) -> bool | None:
        """None: not known. By the specification a comment alone ("on request") is not known either,
        unless its rule says `open "…"`; the library calls both open.
        """
        try:
            state, comment = _survive(lambda: self._expression.state(wall))
        except HoursError:
            return None
        if state == State.OPEN and (not comment or comment in self._open_comments):
            return True
        return False if state == State.CLOSED else None

    def next_change(self, wall: datetime) -> datetime | None:
        """When the state may change next, after `wall`; None: not within a year, or not known."""
        try:
            return _survive(lambda: self._expression.next_change(wall))
        except HoursError:
            return None


@lru_cache(maxsize=8192)
def hours_of(text: str, country: str | None = None) -> Hours | None:
    """The parsed expression, remembered; None when it cannot be understood."""
    try:
        return Hours(text, country)
    except HoursError:
        return None


def parse_hours(text: str, field: str = "opening_hours") -> None:
    """Refuse a text that is not opening hours: InvalidInput naming `field` and where the fault lies."""
    try:
        Hours(text)
    except HoursError as fault:
        raise InvalidInput(f"{field} {fault}", faults=(Fault(field, str(fault)),)) from None


def _parse(text: str, country: str | None) -> OpeningHours:
    try:
        return OpeningHours(text, country=country, max_interval_days=HORIZON_DAYS)
    except UnknownCountryError:
        return OpeningHours(text, max_interval_days=HORIZON_DAYS)


def _survive(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except ParserError as fault:
        raise HoursError(_where(str(fault))) from None
    except BaseException as fault:
        # A panic of the Rust code arrives as a BaseException of a class that cannot be imported; let
        # through, one odd text (`(sunset+24:00)-(sunrise+24:00)` in 2.1) would end the worker.
        if type(fault).__name__ != "PanicException":
            raise
        raise HoursError("parses, but cannot be evaluated") from None


def _where(message: str) -> str:
    places = "".join(f" at character {column}: {what}" for column, what in _FAULT_PLACE.findall(message))
    return f"is not understood as opening hours (OSM syntax){places}"
