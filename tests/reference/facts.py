"""What the reference is told: people, offers, places and moments, in dataclasses of its own.

The members are called as in `offers.terms`, so that one loop carries them over; nothing is imported from
there, so that nothing is shared with what is tested.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from uuid import UUID


@dataclass(frozen=True)
class Hours:
    """Opening hours as they are written, and when a clock on the wall is within them; None: not known."""

    text: str
    is_on: Callable[[datetime], bool] | None = field(repr=False)


@dataclass(frozen=True)
class Audience:
    languages: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    visits_at_least: int | None = None
    visits_at_most: int | None = None
    last_visit_days_at_least: int | None = None
    last_visit_days_at_most: int | None = None
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    if_not_known: str | None = None


@dataclass(frozen=True)
class Offer:
    offer_id: int
    retailer_id: int
    channel: str
    triggers: tuple[str, ...]
    fence_ids: frozenset[int]
    fence_tags: frozenset[str] = frozenset()
    site_ids: frozenset[int] = frozenset()
    status: str = "active"
    tags: tuple[str, ...] = ()
    priority: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekly_hours: Hours | None = None
    only_while_open: bool = False
    delivery_budget: int | None = None
    budget_per_day: int | None = None
    budget_per_week: int | None = None
    redemption_stock: int | None = None
    redemptions_left: int | None = None
    customer_limit: int | None = None
    customer_limit_days: int | None = None
    re_eligible_after_s: int | None = None
    stale_after_s: int = 120
    ignores_caps: bool = False
    counts_toward_caps: bool = True
    when_quiet: str = "drop"
    needs_presence: bool = False
    audience: Audience = Audience()
    holdout_percent: int = 0
    is_stopped: bool = False


@dataclass(frozen=True)
class Cap:
    cap_id: int
    scope: str
    at_most: int
    window: str
    rolling_s: int | None = None
    calendar_unit: str | None = None
    retailer_id: int | None = None
    offer_id: int | None = None
    channel: str | None = None
    tag: str | None = None


@dataclass(frozen=True)
class Person:
    customer_id: UUID
    time_zone: str
    language: str
    grants: frozenset[str]
    quiet_start: time | None = None
    quiet_end: time | None = None
    interests: frozenset[str] = frozenset()
    age_band: str = "adult"
    visits: dict[int, tuple[datetime, ...]] | None = None
    attributes: dict[int, dict[str, str]] | None = None


@dataclass(frozen=True)
class Past:
    """A delivery of before."""

    offer_id: int
    retailer_id: int
    channel: str
    tags: tuple[str, ...]
    decided_at: datetime
    crossing_id: UUID | None = None
    counts_toward_caps: bool = True
    takes_slot: bool = True
    was_dismissed: bool = False


@dataclass(frozen=True)
class Place:
    """A fence and the site it belongs to."""

    fence_id: int
    retailer_id: int
    site_id: int | None
    time_zone: str
    opening_hours: Hours | None
    fence_active_hours: Hours | None = None
    fence_starts_at: datetime | None = None
    fence_disabled_at: datetime | None = None
    fence_tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Defaults:
    quiet_start: time
    quiet_end: time
    holdout_percent: int
    holdout_salt: str


@dataclass(frozen=True)
class Units:
    """What is in hand of an offer's budget, and what is said once nothing is."""

    left: int
    good_until: datetime | None
    when_out: str


@dataclass(frozen=True)
class Crossing:
    """One fence crossed at one fix, or (`was_held`) one offer of it that waited and is let go now."""

    device_id: UUID
    at: datetime
    crossing_id: UUID
    trigger: str
    place: Place
    distance_m: float
    was_held: bool = False
    is_present: bool = True
    offer_id: int | None = None


@dataclass(frozen=True)
class Case:
    """One person at one moment, and everything that is to be decided for them in one flush."""

    now: datetime
    person: Person
    history: tuple[Past, ...]
    holds: frozenset[int]
    offers: tuple[Offer, ...]
    stopped: frozenset[int]
    caps: tuple[Cap, ...]
    defaults: Defaults
    units: dict[int, Units]
    crossings: tuple[Crossing, ...]
    let_go: tuple[Crossing, ...]
