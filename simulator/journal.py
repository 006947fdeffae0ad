"""What the simulator did and was answered, in one order: the only evidence that the recount uses.

Every request takes two marks from one counter: when it was sent and when it was answered. What the
server decided in between is uncertain, and the recount accuses nobody of what may have been right.
Pure values; no HTTP and no judgement.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from itertools import count
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

LOCATION: Final = "location_offers"  # what a phone is followed into fences for
PARKING: Final = "location_parking"  # what the car is followed for that it rides in


class Span(NamedTuple):
    """From the sending of a request to its answer, as marks of one global order."""

    sent: int
    answered: int


class Change(NamedTuple, Generic[T]):
    """A value that someone asked for. Never answered clearly: in force perhaps, at any time since."""

    value: T
    sent: int
    answered: int | None


@dataclass
class History(Generic[T]):
    """The values that one thing took, changed by one request after the other."""

    initial: T
    changes: list[Change[T]] = field(default_factory=list)

    def possible(self, during: Span) -> set[T]:
        """Every value that may have been in force at some moment between two marks."""
        values = {self.initial}
        for change in self.changes:
            if change.sent > during.answered:
                break
            if change.answered is not None and change.answered <= during.sent:
                values = {change.value}
            else:
                values.add(change.value)
        return values


class Delivery(NamedTuple):
    """An offer that was given: which, as it was read before the run; when, by the run's own clock."""

    delivery_id: str
    customer: str
    offer_id: int
    retailer_id: int
    channel: str
    tags: frozenset[str]
    seq: int
    decided_at: datetime
    crossing_id: str = ""


class Seen(NamedTuple):
    """A delivery, the span within which it was decided, and the request that first showed it."""

    delivery: Delivery
    decided: Span
    handed: Span


class Redemption(NamedTuple):
    """A code that the till accepted."""

    redemption_id: str
    offer_id: int
    code: str


class AcceptedFixes(NamedTuple):
    """How many fixes of one request were accepted."""

    customer: str
    fixes: int
    span: Span


class Crossed(NamedTuple):
    """An edge that a phone crossed `at` a moment, as the server says; `told` when the clock stood there."""

    customer: str
    phone: int
    fence_id: int
    kind: str
    at: datetime
    told: datetime
    span: Span


class Served(NamedTuple):
    """A request by one of a customer's phones that the server carried out."""

    customer: str
    what: str
    span: Span


class HeldOut(NamedTuple):
    """By the server's own export: an offer that a customer was not given, to measure what it does."""

    customer: str
    offer_id: int
    drawn_for: str
    decided_at: datetime


class Asked(NamedTuple):
    """A question about parking. `pay` and `stop` were found by a position, `ending` was not.

    `at` is when it was first heard, by the run's own clock.
    """

    prompt_id: str
    customer: str
    kind: str
    zone_ids: tuple[int, ...]
    session_id: str | None
    at: datetime
    span: Span


class Bought(NamedTuple):
    """What the server said of one payment of a stay. `is_paid`: its money was taken."""

    purchase_id: str
    payment_id: str | None
    price_minor: int
    given_back_minor: int
    is_paid: bool


class StayTold(NamedTuple):
    """A stay as the server told it last; `ends_at` is when it ended, if it did."""

    session_id: str
    customer: str
    plate: str
    zone_id: int
    state: str
    starts_at: datetime
    ends_at: datetime
    currency: str
    purchases: tuple[Bought, ...]
    span: Span

    @property
    def paid_minor(self) -> int:
        """What was taken for it and not given back."""
        return sum(one.price_minor - one.given_back_minor for one in self.purchases if one.is_paid)


class Wanted(NamedTuple):
    """One wish to pay: a stay to begin or to extend, under one key, however often it was sent.

    `agreed_minor` is the price that was shown; `session_ids` are all that answers to it named; `can_pay`:
    the card was one that pays. `must_cost`: it cannot have been for nothing.
    """

    key: str
    customer: str
    plate: str
    zone_id: int
    agreed_minor: int
    can_pay: bool
    is_extension: bool
    must_cost: bool
    session_ids: tuple[str, ...]
    was_accepted: bool
    at: datetime


class PaymentTold(NamedTuple):
    """A payment in a customer's own list: what it took, and what of that went back."""

    payment_id: str
    customer: str
    captured_minor: int
    refunded_minor: int


class Books(NamedTuple):
    """By currency: what all accounts sum to, and what the run took for parking, less what went back."""

    balance_minor: dict[str, int]
    taken_minor: dict[str, int]


class Quiet(NamedTuple):
    """Wall-clock times between which a person wants silence; may wrap midnight."""

    start: time
    end: time


class Grant(NamedTuple):
    """One consent that a person can give: a purpose, for marketing of a retailer on a channel."""

    purpose: str
    retailer_id: int | None = None
    channel: str | None = None


@dataclass
class Journal:
    """Everything that happened in a run. Customers are named by the server's ids.

    `clock` lists the moments that time was moved to, the start first; in between it stands still.
    """

    order: Iterator[int] = field(default_factory=count)
    clock: list[tuple[datetime, Span]] = field(default_factory=list)
    consents: dict[str, dict[Grant, History[bool]]] = field(default_factory=dict)
    time_zones: dict[str, History[str]] = field(default_factory=dict)
    quiet_hours: dict[str, History[Quiet | None]] = field(default_factory=dict)
    accepted: list[AcceptedFixes] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    redemptions: dict[str, Redemption] = field(default_factory=dict)
    age_bands: dict[str, History[str]] = field(default_factory=dict)
    crossings: dict[str, Crossed] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    erased: dict[str, Change[bool]] = field(default_factory=dict)
    held_out: list[HeldOut] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)
    stays: dict[str, StayTold] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)
    payments: list[PaymentTold] = field(default_factory=list)
    books: Books | None = None

    def consent(self, customer: str, grant: Grant) -> History[bool]:
        """Nothing is granted before it was asked for."""
        return self.consents.setdefault(customer, {}).setdefault(grant, History(False))

    def moment(self, stamp: datetime, *, decided_now: bool) -> datetime:
        """When a delivery that is shown now was decided: at `stamp` where that can be, else now.

        In the answer to fixes only now can be. Elsewhere every moment of the run can; and before time
        was first moved, when everything there is comes from before the run, every earlier one.
        """
        now = self.clock[-1][0]
        if decided_now or stamp > now:
            return now
        has_begun = len(self.clock) > 1
        return now if has_begun and stamp < self.clock[0][0] else stamp

    def see(self, delivery: Delivery, request: Span, *, decided_now: bool) -> bool:
        """Notes a delivery in an answer; false when it was known. `decided_now`: not in an inbox."""
        if delivery.delivery_id in self.seen:
            return False
        decided = request if decided_now else self._decided(delivery.decided_at, request)
        self.seen[delivery.delivery_id] = Seen(delivery, decided, request)
        return True

    def _decided(self, at: datetime, request: Span) -> Span:
        """Between the clock's reaching that time and its next move, and before it was shown."""
        earliest, latest = 0, request.answered
        for moved_to, span in self.clock:
            if moved_to <= at:
                earliest = span.sent
            else:
                latest = min(latest, span.answered)
                break
        return Span(earliest, latest)

    def deliveries_by_customer(self) -> dict[str, list[Seen]]:
        """In the order in which they were decided."""
        found: dict[str, list[Seen]] = defaultdict(list)
        for seen in self.seen.values():
            found[seen.delivery.customer].append(seen)
        for deliveries in found.values():
            deliveries.sort(key=lambda seen: (seen.delivery.decided_at, seen.delivery.seq))
        return dict(found)
