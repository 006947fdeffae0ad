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
DIETARY: Final = "dietary"
MARKETING: Final = "marketing"


def marketing_grant(retailer_id: int, channel: str) -> str:
    """How a marketing consent for one retailer and channel is written in `Person.grants`."""
    return f"{MARKETING}:{retailer_id}:{channel}"


class Reason(StrEnum):
    """Why a decision fell as it did.

    `DELIVERED` is the only one with which somebody is given something; `HELD` puts the decision off to
    the end of the quiet hours; all others are suppressions.
    """

    DELIVERED = "delivered"
    STOPPED = "stopped"
    NOT_ACTIVE = "not_active"
    FENCE_INACTIVE = "fence_inactive"
    NOT_SCHEDULED = "not_scheduled"
    SITE_CLOSED = "site_closed"
    STALE = "stale"
    NO_CONSENT = "no_consent"
    MINOR = "minor"
    AUDIENCE = "audience"
    QUIET_HOURS = "quiet_hours"
    HELD = "held"
    ALREADY_HELD = "already_held"
    NOT_PRESENT = "not_present"
    CUSTOMER_LIMIT = "customer_limit"
    RE_ELIGIBILITY = "re_eligibility"
    DISMISSED = "dismissed"
    FREQUENCY_CAP = "frequency_cap"
    BUDGET_SPENT = "budget_spent"
    BUDGET_RESERVED = "budget_reserved"
    HOLDOUT = "holdout"
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


class Audience(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom an offer is for. Everything that is said must hold; an empty audience is everybody.

    languages    primary language subtags ("fr"); the person's own must be among them.
    interests    the person named at least one of them.
    visits_…     stays at one of the retailer's places before this one, in the last 90 days; none is new.
    last_visit_… full days since the latest of them; without one it is longer ago than any number.
    attributes   what the retailer said about its own customer: for each name one of the values.
    if_not_known what an answer that may not be used counts as: without consent to personalisation, or
                 where there is none. It must be said where one of the rules above but languages is.
    """

    languages: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    visits_at_least: int | None = None
    visits_at_most: int | None = None
    last_visit_days_at_least: int | None = None
    last_visit_days_at_most: int | None = None
    attributes: dict[str, tuple[str, ...]] = {}
    if_not_known: Literal["include", "exclude"] | None = None

    @property
    def asks_for_visits(self) -> bool:
        return any(
            limit is not None
            for limit in (
                self.visits_at_least,
                self.visits_at_most,
                self.last_visit_days_at_least,
                self.last_visit_days_at_most,
            )
        )

    @property
    def is_personal(self) -> bool:
        """Whether a rule needs consent to personalisation."""
        return bool(self.interests or self.attributes or self.asks_for_visits)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a retailer may show, as the rules see it (a snapshot of the row).

    `weekly_hours` is OSM `opening_hours` syntax, read in the site's zone; None is always.
    `customer_limit` deliveries per `customer_limit_days` (None: ever), and `re_eligible_after_s`
    after the last delivery of this offer; each None switches that rule off.
    `stale_after_s` is how old a crossing may be and still deliver (30 to 900).
    `when_quiet` says what becomes of it in quiet hours: `drop`, `hold` until they end (then given only
    to who is still there, if it `needs_presence`), or `inbox_only`: without a notification.
    `holdout_percent` of the people who would be given it are not, to measure what it does.
    Of a budget (`delivery_budget` in all, `budget_per_day`, `budget_per_week`) units are leased.
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
    budget_per_day: int | None = None
    budget_per_week: int | None = None
    redemption_stock: int | None = None
    redemptions_left: int | None = None
    customer_limit: int | None = None
    customer_limit_days: int | None = None
    re_eligible_after_s: int | None = None
    expires_after_s: int = 86_400
    stale_after_s: int = 120
    ignores_caps: bool = False
    counts_toward_caps: bool = True
    when_quiet: Literal["drop", "hold", "inbox_only"] = "drop"
    needs_presence: bool = False
    audience: Audience = Audience()
    holdout_percent: int = 0
    regulated: tuple[str, ...] = ()
    menu_id: int | None = None
    is_stopped: bool = False

    @property
    def is_limited(self) -> bool:
        """Whether a delivery takes a unit of a budget."""
        return not (self.delivery_budget is self.budget_per_day is self.budget_per_week is None)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The customer as the rules see them. `grants` are the purposes granted at this moment.

    `quiet_start`/`quiet_end` are wall-clock times in `time_zone`, may wrap midnight; equal or None
    means that no quiet hours are set by this person, and the system's default holds when None.
    `visits` (when stays began, UTC) and `attributes` are by retailer, None where they were not asked for.
    """

    customer_id: UUID
    time_zone: str
    language: str
    grants: frozenset[str]
    quiet_start: time | None = None
    quiet_end: time | None = None
    interests: frozenset[str] = frozenset()
    age_band: AgeBand = "unknown"
    visits: dict[int, tuple[datetime, ...]] | None = None
    attributes: dict[int, dict[str, str]] | None = None

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
    """What holds for the whole system: quiet hours where a person chose none, and who is held out."""

    quiet_start: time = time(21, 0)
    quiet_end: time = time(8, 0)
    holdout_percent: int = 0
    holdout_salt: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was asked, and its answer with the numbers it compared: the decision's trace."""

    name: Reason
    passed: bool
    numbers: dict[str, str | int | float | bool | None] = {}


__all__ = [
    "AgeBand",
    "Audience",
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
