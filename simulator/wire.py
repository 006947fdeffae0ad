"""The parts of the API's JSON that the simulator reads and writes, by its public description."""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = None


class Problem(msgspec.Struct):
    """RFC 9457, as far as it is of interest here."""

    code: str = ""
    detail: str = ""


class Retailer(msgspec.Struct):
    """Whose sites, fences and offers there are."""

    retailer_id: int
    name: str


class Site(msgspec.Struct):
    """A place that people go to."""

    site_id: int
    lat: float
    lon: float


class FenceProperties(msgspec.Struct):
    """What a fence is beside its shape."""

    fence_id: int
    radius_m: float | None = None
    retrigger_s: float = 0
    starts_at: datetime | None = None
    disabled_at: datetime | None = None


class Fence(msgspec.Struct):
    """A GeoJSON feature."""

    geometry: msgspec.Raw
    properties: FenceProperties


class FenceCollection(msgspec.Struct):
    """A GeoJSON FeatureCollection, one page of it."""

    features: list[Fence]
    next_cursor: str | None = None


class CustomerLimit(msgspec.Struct):
    """How often an offer may be given to one customer; `days` None: ever."""

    at_most: int
    days: int | None = None


class Limits(msgspec.Struct):
    """The limits of one offer."""

    per_customer: CustomerLimit | None = None
    re_eligible_after_s: int | None = None
    ignores_caps: bool = False
    counts_toward_caps: bool = True


class Budget(msgspec.Struct):
    """How many there are; None is no limit."""

    deliveries: int | None = None
    redemptions: int | None = None


class WhenQuiet(msgspec.Struct):
    """What becomes of an offer in somebody's quiet hours: `drop`, `hold` or `inbox_only`."""

    when_quiet: str = "drop"
    needs_presence: bool = False


class Offer(msgspec.Struct):
    """An offer, as far as the recount holds deliveries against it."""

    offer_id: int
    channel: str
    tags: list[str] = []
    quiet_hours: WhenQuiet = msgspec.field(default_factory=WhenQuiet)
    holdout_percent: int = 0
    limits: Limits = msgspec.field(default_factory=Limits)
    budget: Budget = msgspec.field(default_factory=Budget)


class Window(msgspec.Struct):
    """Exactly one of both is set."""

    rolling_s: int | None = None
    calendar: str | None = None


class CapLine(msgspec.Struct):
    """A frequency limit."""

    cap_id: int
    scope: str
    at_most: int
    window: Window
    retailer_id: int | None = None
    offer_id: int | None = None
    channel: str | None = None
    tag: str | None = None


class QuietHours(msgspec.Struct):
    """Wall-clock times as HH:MM."""

    start: str
    end: str


class Defaults(msgspec.Struct):
    """What holds where a person chose nothing."""

    quiet_hours: QuietHours


class Counts(msgspec.Struct):
    """Of one offer: how often each reason held it back."""

    suppressed: dict[str, int]


class Clock(msgspec.Struct):
    """The server's clock."""

    mode: str
    now: datetime
    is_ticking: bool


class Notice(msgspec.Struct):
    """A text about a purpose."""

    purpose: str
    version: int


class Registered(msgspec.Struct):
    """The answer to a registration."""

    device_id: str
    customer_id: str
    token: str
    status: str


class LinkCode(msgspec.Struct):
    """A code that lets a second phone join."""

    code: str
    code_id: str


class FixSent(msgspec.Struct, omit_defaults=True):
    """One location report."""

    fix_id: str
    lat: float
    lon: float
    accuracy_m: float
    recorded_at: datetime
    speed_mps: float | None = None


class FixesSent(msgspec.Struct):
    """A request with fixes."""

    sent_at: datetime
    fixes: list[FixSent]


class FixOutcome(msgspec.Struct):
    """What became of one fix."""

    fix_id: str
    status: str
    reason: str | None = None


class Crossing(msgspec.Struct, frozen=True):
    """An edge that was crossed, as the server saw it."""

    crossing_id: str
    fence_id: int
    kind: str
    at: datetime


class Delivery(msgspec.Struct):
    """An offer that was given."""

    delivery_id: str
    seq: int
    offer_id: int
    retailer_id: int
    channel: str
    code: str
    tags: list[str]
    decided_at: datetime
    site_id: int | None = None
    crossing_id: str = ""


class Prompt(msgspec.Struct):
    """A question about parking: `pay`, `stop` or `ending`."""

    prompt_id: str
    kind: str
    zone_ids: list[int] = []
    session_id: str | None = None


class FixesAnswer(msgspec.Struct):
    """The answer to fixes."""

    fixes: list[FixOutcome]
    crossings: list[Crossing]
    deliveries: list[Delivery]
    parking_prompts: list[Prompt] = []


class HeldOut(msgspec.Struct):
    """An offer that somebody would have been given, and was not, to measure what it does."""

    offer_id: int
    drawn_for: str
    decided_at: datetime


class ExportedPerson(msgspec.Struct):
    """Of one person's export, what is of interest here."""

    holdouts: list[HeldOut] = []


class Export(msgspec.Struct):
    """What a person gets who asks for everything that is known of them."""

    person: ExportedPerson


class Redeemed(msgspec.Struct):
    """A code that the till took."""

    redemption_id: str
    offer_id: int
