"""A tariff in one line, in English and French: what a driver wants to read on a list of zones.

Owns the words only; the numbers are `offers.parking.paying_now`'.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from geo.wall_clock import wall_time
from offers.handing.plain_words import SpokenLanguage
from offers.parking.paying_now import PayingNow

# ISO 4217: how many digits a currency has after the point, where it is not two.
_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
}  # fmt: skip
_SIGNS: Final[Mapping[str, str]] = {"EUR": "€", "GBP": "£", "USD": "$"}


def money(minor: int, currency: str, language: SpokenLanguage) -> str:
    """`€1.30`, `1,30 €`; whole numbers all the way."""
    digits = _DIGITS.get(currency, 2)
    whole, rest = divmod(minor, 10**digits)
    point = "." if language == "en" else ","
    amount = f"{whole}{point}{rest:0{digits}d}" if digits else str(whole)
    sign = _SIGNS.get(currency)
    if language == "en":
        return f"{sign}{amount}" if sign else f"{amount} {currency}"
    return f"{amount} {sign or currency}"


def in_short(paying: PayingNow, now: datetime, time_zone: str, language: SpokenLanguage) -> str:
    """Such as `Paid until 19:00. 1 h: €1.30. At most until 14:35.`"""
    clock = _clock(paying.changes_at, now, time_zone)
    said = [_STATES[language][paying.state].format(until="" if clock is None else _UNTIL[language] + clock)]
    if paying.state != "forbidden" and paying.hour_minor is not None:
        said.append(f"1 h{_COLON[language]} {money(paying.hour_minor, paying.currency, language)}.")
    elif paying.first_steps:
        first = paying.first_steps[0]
        amount = money(first.price_minor, paying.currency, language)
        said.append(f"{first.paid_minutes} min{_COLON[language]} {amount}.")
    longest = _clock(paying.longest_stay_until, now, time_zone)
    if paying.state != "forbidden" and longest is not None:
        said.append(_AT_MOST[language] + longest + ".")
    return " ".join(said)


_STATES: Final = {
    "en": {"paid": "Paid{until}.", "free": "Free{until}.", "forbidden": "No parking{until}."},
    "fr": {
        "paid": "Payant{until}.",
        "free": "Gratuit{until}.",
        "forbidden": "Stationnement interdit{until}.",
    },
}
_UNTIL: Final = {"en": " until ", "fr": " jusqu'à "}
_COLON: Final = {"en": ":", "fr": " :"}
_AT_MOST: Final = {"en": "At most until ", "fr": "Au plus jusqu'à "}


def _clock(at: datetime | None, now: datetime, time_zone: str) -> str | None:
    """`19:00`, with the date where it is another day."""
    if at is None:
        return None
    wall = wall_time(at, time_zone)
    is_today = wall.date() == wall_time(now, time_zone).date()
    return f"{wall:%H:%M}" if is_today else f"{wall:%Y-%m-%d %H:%M}"
