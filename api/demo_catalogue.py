"""What the demo's retailers could say: the invented catalogue, read, and drawn from with a seed.

Owns the shape of `demo_catalogue.toml`, the drawing of prices, budgets and priorities, and the
writing of amounts and punctuation in French and English. Knows no database: who gets which sites
and what becomes of an offer is `api.demo_city`'s.
"""

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, Literal

import msgspec

from offers.terms import Audience, Channel, Trigger

Language = Literal["fr", "en"]
Range = tuple[int, int]

_FILE: Final = Path(__file__).with_name("demo_catalogue.toml")
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_NARROW_NO_BREAK: Final = "\N{NARROW NO-BREAK SPACE}"
_APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"


class LimitLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`at_most` deliveries per customer in `days` (None: ever)."""

    at_most: int
    days: int | None = None


class CapLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A retailer's own frequency cap: either `calendar` or `rolling_h`."""

    at_most: int
    calendar: Literal["day", "week", "month"] | None = None
    rolling_h: int | None = None
    channel: Channel | None = None
    tag: str | None = None


class OfferLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An offer as the file has it: lists and ranges are what may be drawn. `price` is in cents."""

    external_id: str
    fr: tuple[str, str]
    en: tuple[str, str]
    triggers: tuple[Trigger, ...]
    tags: tuple[str, ...]
    channel: Channel = "push"
    price: tuple[int, ...] = ()
    percent: tuple[int, ...] = ()
    priority: Range = (0, 0)
    budget: Range | None = None
    stock: Range | None = None
    weekly_hours: str | None = None
    only_while_open: bool = False
    limit: LimitLine | None = None
    re_eligible_after_h: int | None = None
    expires_after_h: int = 24
    starts_in_days: int | None = None
    ends_in_days: int | None = None
    where: Literal["all", "flagships", "few"] = "all"
    status: Literal["draft", "active", "paused"] = "active"
    stopped: bool = False
    when_quiet: Literal["drop", "hold", "inbox_only"] = "drop"
    needs_presence: bool = False
    holdout_percent: int = 0
    per_day: int | None = None
    audience: Audience = Audience()


class RetailerLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A retailer as the file has it; `share` is the part of the sites of its `categories`."""

    external_id: str
    name: str
    categories: tuple[str, ...]
    share: float
    retrigger_min: int = 0
    caps: tuple[CapLine, ...] = ()
    offers: tuple[OfferLine, ...]


class Drawn(msgspec.Struct, frozen=True):
    """One offer's texts and numbers after the draw."""

    content: dict[str, dict[str, str]]
    priority: int
    deliveries: int | None
    redemptions: int | None


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    retailers: tuple[RetailerLine, ...]


@cache
def catalogue() -> tuple[RetailerLine, ...]:
    """All retailers, in the file's order."""
    return msgspec.toml.decode(_FILE.read_bytes(), type=_Catalogue).retailers


def draw(offer: OfferLine, rng: Random) -> Drawn:
    """Always the same number of draws, so that one offer's numbers do not depend on another's."""
    price = rng.choice(offer.price or (0,))
    percent = rng.choice(offer.percent or (0,))
    return Drawn(
        content={
            "fr": dict(zip(("title", "text"), (_french(t, price, percent) for t in offer.fr), strict=True)),
            "en": dict(zip(("title", "text"), (_english(t, price, percent) for t in offer.en), strict=True)),
        },
        priority=rng.randint(*offer.priority),
        deliveries=rng.randint(*offer.budget) if offer.budget else None,
        redemptions=rng.randint(*offer.stock) if offer.stock else None,
    )


def amount(cents: int, language: Language) -> str:
    """`2,50 €` and `€2.50`; whole euros without cents."""
    euros = f"{cents // 100:,}" if cents % 100 == 0 else f"{cents / 100:,.2f}"
    if language == "en":
        return f"€{euros}"
    return euros.replace(",", _NARROW_NO_BREAK).replace(".", ",") + f"{_NO_BREAK}€"


def _english(text: str, cents: int, percent: int) -> str:
    return text.format(price=amount(cents, "en"), percent=f"{percent}%").replace("'", _APOSTROPHE)


def _french(text: str, cents: int, percent: int) -> str:
    """French sets a space that must not break before its high punctuation, and units after one."""
    filled = text.format(price=amount(cents, "fr"), percent=f"{percent}{_NO_BREAK}%")
    filled = re.sub(r" (?=[?!;])", _NARROW_NO_BREAK, filled)
    filled = re.sub(r" (?=:)", _NO_BREAK, filled)
    filled = re.sub(r"(?<=\d) (?=[hg]\b)|(?<=\d h) (?=\d)", _NO_BREAK, filled)
    return filled.replace("'", _APOSTROPHE)
