"""What the run promised to respect, as read from the API before it began; and what a breach is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple, get_args

from simulator.journal import Delivery, Quiet

Kind = Literal[
    "consent",
    "caps",
    "quiet_hours",
    "budget",
    "holds",
    "holdouts",
    "re_trigger",
    "re_eligibility",
    "minors",
    "erasure",
    "double_charge",
    "unpaid_session",
    "ledger",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Violation(NamedTuple):
    """A promise that was broken, and the numbers that prove it in one line."""

    kind: Kind
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most `at_most` deliveries; exactly one of `rolling_s` and `calendar_unit` is set."""

    cap_id: int
    scope: Literal["system", "each_retailer", "retailer", "offer"]
    at_most: int
    rolling_s: int | None = None
    calendar_unit: Literal["day", "week", "month"] | None = None
    retailer_id: int | None = None
    offer_id: int | None = None
    channel: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRules:
    """The limits of one offer. None is no limit."""

    deliveries: int | None = None
    redemptions: int | None = None
    at_most: int | None = None
    at_most_days: int | None = None
    re_eligible_after_s: int | None = None
    ignores_caps: bool = False
    counts_toward_caps: bool = True
    when_quiet: str = "drop"
    needs_presence: bool = False
    holdout_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything the recount holds deliveries against. Deliveries before `start` are only history.

    `retrigger_s` is by fence, where one waits at all before it tells of the same phone again.
    """

    start: datetime
    default_quiet: Quiet
    default_time_zone: str
    caps: tuple[Cap, ...] = ()
    offers: dict[int, OfferRules] = field(default_factory=dict)
    retrigger_s: dict[int, float] = field(default_factory=dict)

    def of(self, offer_id: int) -> OfferRules:
        """An offer that was not there at the start has no limits to hold it against."""
        return self.offers.get(offer_id, OfferRules())


def named(delivery: Delivery) -> str:
    """A delivery as an explanation tells of it."""
    return (
        f"customer {delivery.customer} was given {delivery.delivery_id} (offer {delivery.offer_id} of "
        f"retailer {delivery.retailer_id}, {delivery.channel}) at {delivery.decided_at.isoformat()}"
    )
