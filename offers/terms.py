"""The values that the rules speak about: offers, caps, people, what they were given.

Plain frozen data without behaviour beyond derived flags. Times are aware UTC datetimes, money is
integer minor units, distances are metres. The rule modules take these and nothing else.
"""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

import msgspec

Trigger = Literal["enter", "dwell", "exit", "nearby"]
Channel = Literal["push", "inbox"]
AgeBand = Literal["unknown", "under_15", "15_17", "adult"]

LOCATION_OFFERS: Final = "location_offers"
LOCATION_PARKING: Final = "location_parking"
PERSONALISATION: Final = "personalisation"
MEASUREMENT: Final = "measurement"
MARKETING: Final = "marketing"


def marketing_grant(retailer_id: int, channel: str) -> str:
    """How a marketing consent for one retailer and channel is written in `Person.grants`."""
    return f"{MARKETING}:{retailer_id}:{channel}"


class Reason(StrEnum):
    """Why a decision fell as it did. `DELIVERED` is the only one that is not a suppression."""

    DELIVERED = "delivered"
    STOPPED = "stopped"
    NOT_ACTIVE = "not_active"
    FENCE_INACTIVE = "fence_inactive"
    NOT_SCHEDULED = "not_scheduled"
    SITE_CLOSED = "site_closed"
    STALE = "stale"
    NO_CONSENT = "no_consent"
    MINOR = "minor"
    QUIET_HOURS = "quiet_hours"
    CUSTOMER_LIMIT = "customer_limit"
    RE_ELIGIBILITY = "re_eligibility"
    DISMISSED = "dismissed"
    FREQUENCY_CAP = "frequency_cap"
    BUDGET_SPENT = "budget_spent"
    BUDGET_RESERVED = "budget_reserved"
    OUTRANKED = "outranked"
    FAILED = "failed"


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """At most `at_most` deliveries per window and scope.

    scope    who shares the count: `system` (everything), `each_retailer` (a count of its own for
             every retailer), `retailer` (the one in `retailer_id`), `offer` (the one in `offer_id`).
    channel, tag   narrow the cap to deliveries of that channel, or that carry that tag.
    window   `rolling` over `rolling_s` seconds, or `calendar` over the customer's local
             `day`, `week` (Monday) or `month`.
    """

    cap_id: int
    scope: Literal["system", "each_retailer", "retailer", "offer"]
    at_most: int
    window: Literal["rolling", "calendar"]
    rolling_s: int | None = None
    calendar_unit: Literal["day", "week", "month"] | None = None
    retailer_id: int | None = None
    offer_id: int | None = None
    channel: Channel | None = None
    tag: str | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a retailer may show, as the rules see it (a snapshot of the row).

    `weekly_hours` is OSM `opening_hours` syntax, read in the site's zone; None is always.
    `customer_limit` deliveries per `customer_limit_days` (None: ever), and `re_eligible_after_s`
    after the last delivery of this offer; each None switches that rule off.
    `stale_after_s` is how old a crossing may be and still deliver (120 to 900).
    """

    offer_id: int
    retailer_id: int
    status: Literal["draft", "active", "paused", "ended"]
    content: dict[str, dict[str, str]]
    triggers: tuple[Trigger, ...]
    channel: Channel
    tags: tuple[str, ...] = ()
    priority: int = 0
    fence_ids: frozenset[int] = frozenset()
    fence_tags: frozenset[str] = frozenset()
    site_ids: frozenset[int] = frozenset()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekly_hours: str | None = None
    only_while_open: bool = False
    delivery_budget: int | None = None
    redemption_stock: int | None = None
    redemptions_left: int | None = None
    customer_limit: int | None = None
    customer_limit_days: int | None = None
    re_eligible_after_s: int | None = None
    expires_after_s: int = 86_400
    stale_after_s: int = 120
    ignores_caps: bool = False
    counts_toward_caps: bool = True
    is_stopped: bool = False


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The customer as the rules see them. `grants` are the purposes granted at this moment.

    `quiet_start`/`quiet_end` are wall-clock times in `time_zone`, may wrap midnight; equal or None
    means that no quiet hours are set by this person, and the system's default holds when None.
    """

    customer_id: UUID
    time_zone: str
    language: str
    grants: frozenset[str]
    quiet_start: time | None = None
    quiet_end: time | None = None
    interests: frozenset[str] = frozenset()
    age_band: AgeBand = "unknown"

    def grants_marketing(self, retailer_id: int, channel: str) -> bool:
        return marketing_grant(retailer_id, channel) in self.grants


class PastDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery this customer was given. Tags are those frozen when it was decided.

    `takes_slot` is false once it was cancelled or expired without ever being handed over.
    """

    offer_id: int
    retailer_id: int
    channel: str
    tags: tuple[str, ...]
    decided_at: datetime
    crossing_id: UUID | None = None
    counts_toward_caps: bool = True
    takes_slot: bool = True
    was_dismissed: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a crossing happened, as the rules need it. Hours are OSM syntax or None (not known)."""

    fence_id: int
    retailer_id: int
    site_id: int | None
    time_zone: str
    opening_hours: str | None
    fence_active_hours: str | None = None
    fence_starts_at: datetime | None = None
    fence_disabled_at: datetime | None = None
    fence_tags: frozenset[str] = frozenset()
    latitude: float = 0.0
    longitude: float = 0.0


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What holds where a person chose nothing."""

    quiet_start: time = time(21, 0)
    quiet_end: time = time(8, 0)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was asked, and its answer with the numbers it compared: the decision's trace."""

    name: Reason
    passed: bool
    numbers: dict[str, str | int | float | bool | None] = {}


__all__ = [
    "AgeBand",
    "Cap",
    "Channel",
    "Defaults",
    "Offer",
    "PastDelivery",
    "Person",
    "Place",
    "Reason",
    "Rule",
    "Trigger",
    "date",
    "marketing_grant",
]
