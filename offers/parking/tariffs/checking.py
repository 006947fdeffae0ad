"""What a tariff must not say: every fault at once, each with the path of its member and the reason.

Owns the rules of a whole tariff and of a rate; those of lines and passes are `checking_lines`'s. The
shape (names, types) is `terms`'s.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from geo.errors import Fault, InvalidInput
from offers.hours import Hours, parse_hours
from offers.parking.tariffs.checking_lines import (
    amount_faults,
    line_faults,
    pass_faults,
    span_faults,
)
from offers.parking.tariffs.lines import price_of_minutes
from offers.parking.tariffs.terms import Rate, Tariff

MOST_RATES: Final = 50
MOST_CLASSES: Final = 10
MOST_LANGUAGES: Final = 20
LONGEST_NAME: Final = 140
# Four paid periods on every day of a year.
MOST_CHANGES: Final = 366 * 8
MOST_VERSIONS: Final = 2**31 - 1

_YEAR_BEGINS: Final = datetime.fromisoformat("2026-01-01 00:00")
_YEAR_ENDS: Final = datetime.fromisoformat("2027-01-01 00:00")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_CLASS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# What opening hours may say and no price can hang on: comments and unknown are neither open nor
# closed, and daylight and school holidays are not evaluated.
_UNCERTAIN: Final = re.compile(r'"|\b(unknown|sunrise|sunset|dawn|dusk|SH)\b', re.IGNORECASE)


def faults_of(tariff: Tariff) -> tuple[Fault, ...]:
    """Every fault of a tariff that has the right shape; empty: it can be priced."""
    faults = tuple(_tariff_faults(tariff))
    # What the longest stay costs can be asked only of what is sound.
    return faults or tuple(_fps_faults(tariff))


def _tariff_faults(tariff: Tariff) -> Iterator[Fault]:
    if not _ID.fullmatch(tariff.id):
        yield Fault("id", "must be 1 to 64 letters, digits and . _ : -, a letter or digit first")
    if not 1 <= tariff.version <= MOST_VERSIONS:
        yield Fault("version", f"must be 1 to {MOST_VERSIONS}")
    if not _CURRENCY.fullmatch(tariff.currency):
        yield Fault("currency", "must be three capital letters such as EUR (ISO 4217)")
    yield from _name_faults("name", tariff.name)
    yield from _validity_faults(tariff)
    if not 1 <= len(tariff.rates) <= MOST_RATES:
        yield Fault("rates", f"must be 1 to {MOST_RATES}")
    for number, rate in enumerate(tariff.rates):
        yield from _priority_faults(tariff, number)
        yield from _rate_faults(f"rates[{number}]", rate, tariff.currency)
    if tariff.fps_minor is not None:
        yield from amount_faults("fps_minor", tariff.fps_minor)


def _validity_faults(tariff: Tariff) -> Iterator[Fault]:
    for field, at in (("valid_from", tariff.valid_from), ("valid_until", tariff.valid_until)):
        if at is not None and at.tzinfo is None:
            yield Fault(field, "must have an offset, such as 2026-01-01T00:00:00+01:00")
            return
    begins, ends = tariff.valid_from, tariff.valid_until
    if begins is not None and ends is not None and ends <= begins:
        yield Fault("valid_until", "must be after valid_from")


def _priority_faults(tariff: Tariff, number: int) -> Iterator[Fault]:
    priority = tariff.rates[number].priority
    same = next((n for n in range(number) if tariff.rates[n].priority == priority), None)
    if same is not None:
        yield Fault(f"rates[{number}].priority", f"{priority} is that of rates[{same}] too: which one wins?")


def _rate_faults(at: str, rate: Rate, currency: str) -> Iterator[Fault]:
    yield from _name_faults(f"{at}.name", rate.name)
    yield from _class_faults(at, rate)
    yield from _hours_faults(f"{at}.hours", rate.hours)
    if rate.currency is not None and rate.currency != currency:
        yield Fault(f"{at}.currency", f"is {rate.currency[:10]}, but the tariff's is {currency[:10]}")
    if rate.activity == "no_parking":
        yield from _no_parking_faults(at, rate)
        return
    if not rate.lines and not rate.passes:
        yield Fault(f"{at}.lines", "must have at least one, or the rate a pass; a price may be 0")
    yield from line_faults(f"{at}.lines", rate.lines)
    yield from pass_faults(f"{at}.passes", rate)
    yield from _limit_faults(at, rate)
    if not _CLOCK.fullmatch(rate.day_begins):
        yield Fault(f"{at}.day_begins", "must be a time of day such as 04:00")


def _no_parking_faults(at: str, rate: Rate) -> Iterator[Fault]:
    said = {
        "lines": bool(rate.lines),
        "passes": bool(rate.passes),
        "free": rate.free is not None,
        "overnight": rate.overnight != "continues",
        "day_begins": rate.day_begins != "00:00",
        "cap_per_day_minor": rate.cap_per_day_minor is not None,
        "max_stay_minutes": rate.max_stay_minutes is not None,
        "no_return_minutes": rate.no_return_minutes is not None,
    }
    yield from (
        Fault(f"{at}.{name}", "goes with parking, not with no_parking") for name in said if said[name]
    )


def _limit_faults(at: str, rate: Rate) -> Iterator[Fault]:
    if rate.free is not None:
        yield from span_faults(f"{at}.free.minutes", rate.free.minutes)
        if rate.free.per == "stay" and rate.free.remainder == "kept":
            yield Fault(f"{at}.free.remainder", "is kept only where the free minutes are per day")
    if rate.cap_per_day_minor is not None:
        yield from amount_faults(f"{at}.cap_per_day_minor", rate.cap_per_day_minor)
    yield from span_faults(f"{at}.max_stay_minutes", rate.max_stay_minutes)
    yield from span_faults(f"{at}.no_return_minutes", rate.no_return_minutes)
    last = rate.lines[-1].until_minutes if rate.lines else None
    counts_on = rate.overnight != "anew" and rate.free is None and not rate.passes
    if counts_on and last is not None and rate.max_stay_minutes is not None and rate.max_stay_minutes > last:
        yield Fault(f"{at}.max_stay_minutes", f"is beyond the last line, which ends at {last}")


def _class_faults(at: str, rate: Rate) -> Iterator[Fault]:
    if len(rate.user_classes) > MOST_CLASSES:
        yield Fault(f"{at}.user_classes", f"names more than {MOST_CLASSES}")
    for number, one in enumerate(rate.user_classes):
        if not _CLASS.fullmatch(one):
            yield Fault(f"{at}.user_classes[{number}]", "must be 1 to 40 of a to z, 0 to 9, _ and -")
        elif one in rate.user_classes[:number]:
            yield Fault(f"{at}.user_classes[{number}]", "is there twice")


def _hours_faults(field: str, hours: str) -> Iterator[Fault]:
    try:
        parse_hours(hours, field)
    except InvalidInput as refused:
        yield from refused.faults
        return
    uncertain = _UNCERTAIN.search(hours)
    if uncertain is not None:
        yield Fault(field, f"has {uncertain[0]}, on which no price can depend")
    elif _is_restless(hours):
        yield Fault(field, f"begin and end more than {MOST_CHANGES} times in a year")


@lru_cache(maxsize=8192)
def _is_restless(hours: str) -> bool:
    """Whether they change so often that to look a year ahead would take long."""
    understood, at = Hours(hours), _YEAR_BEGINS
    for _ in range(MOST_CHANGES):
        change = understood.next_change(at)
        if change is None or change >= _YEAR_ENDS:
            return False
        at = change
    return True


def _name_faults(field: str, name: Mapping[str, str]) -> Iterator[Fault]:
    if len(name) > MOST_LANGUAGES:
        yield Fault(field, f"has more than {MOST_LANGUAGES} languages")
    for language, text in name.items():
        if not _LANGUAGE.fullmatch(language):
            yield Fault(f"{field}.{language[:20]}", "is not a language tag such as fr or en-GB")
        elif not (text.strip() and len(text) <= LONGEST_NAME and text.isprintable()):
            yield Fault(f"{field}.{language}", f"must be 1 to {LONGEST_NAME} printable characters")


def _fps_faults(tariff: Tariff) -> Iterator[Fault]:
    """The FPS may not exceed the price of the longest stay, passes left aside (CGCT, art. L2333-87)."""
    if tariff.fps_minor is None:
        return
    longest = [_price_of_longest(rate) for rate in tariff.rates if rate.lines and not rate.user_classes]
    known = [price for price in longest if price is not None]
    if known and len(known) == len(longest) and tariff.fps_minor > max(known):
        yield Fault("fps_minor", f"is more than the longest stay costs, which is {max(known)}")


def _price_of_longest(rate: Rate) -> int | None:
    """None: there is no longest stay, or what it costs depends on the days it falls on."""
    if rate.overnight == "anew" or rate.cap_per_day_minor is not None:
        return None
    ends = [end for end in (rate.lines[-1].until_minutes, rate.max_stay_minutes) if end is not None]
    return price_of_minutes(rate.lines, min(ends)) if ends else None
