"""From crossings to deliveries: every crossing of every customer in a flush, one winner per fix.

Also what was held and is let go: all that is due for one customer, with one winner. Runs while the
customers are locked and their histories loaded; does no input or output. What it decides is only told
to anybody after the flush that called it has committed.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID, uuid4

import msgspec

from offers.codes import new_code
from offers.eligibility import Decision, Question, decide
from offers.engine.answers import Delivered, utc, words
from offers.engine.leases import BudgetState
from offers.engine.loading import Customer
from offers.holdouts import DrawnFor, held_out_of
from offers.ranking import Candidate, choose
from offers.terms import Cap, Defaults, Offer, PastDelivery, Place, Reason, Rule, Trigger

Moment = Literal["crossing", "letting_go"]


class Occasion(msgspec.Struct):
    """One crossing that concerns at least one offer, of one customer's device, at one fix.

    Or an offer of such a crossing that `was_held` and is let go now. `at` is Unix seconds.
    """

    bucket: int
    customer_id: UUID
    device_id: UUID
    at: float
    crossing_id: UUID
    trigger: Trigger
    place: Place
    offers: tuple[Offer, ...]
    distance_m: float
    # The delivery is told in the answer to the phone that sent the fix; a timer tells nobody yet.
    is_answered: bool
    was_held: bool = False
    is_present: bool = True

    @property
    def moment(self) -> Moment:
        return "letting_go" if self.was_held else "crossing"


class Delivery(msgspec.Struct):
    """A delivery about to be written, with what the phone is told of it."""

    bucket: int
    customer_id: UUID
    device_id: UUID
    told: Delivered
    offer: Offer
    trace: list[dict[str, object]]
    lease_id: UUID | None
    handed_at: datetime | None


class Hold(msgspec.Struct):
    """An offer put off until `due_at`."""

    occasion: Occasion
    offer_id: int
    due_at: datetime


class Held(msgspec.Struct, frozen=True):
    """An offer that was put off before, and waits no longer."""

    bucket: int
    customer_id: UUID
    offer_id: int
    fence_id: int


class Holdout(msgspec.Struct):
    """Somebody who would have been given this offer now."""

    occasion: Occasion
    offer: Offer
    drawn_for: DrawnFor
    trace: list[dict[str, object]]


class Outcome(msgspec.Struct, frozen=True):
    """What is counted: how the decision fell about one offer, at one fence."""

    bucket: int
    offer_id: int
    fence_id: int
    moment: Moment
    reason: Reason


class Decided(msgspec.Struct):
    """What one flush decided."""

    deliveries: list[Delivery] = []
    holds: list[Hold] = []
    no_longer_held: list[Held] = []
    holdouts: list[Holdout] = []
    outcomes: Counter[Outcome] = msgspec.field(default_factory=Counter)


class Configuration(Protocol):
    """What holds for every decision; the engine's is a `Snapshot`."""

    @property
    def caps(self) -> Sequence[Cap]: ...
    @property
    def defaults(self) -> Defaults: ...
    @property
    def stopped(self) -> Collection[int]: ...


class Units(Protocol):
    """Where units of budgets come from; the engine's are `Leases`."""

    def state(self, offer_id: int, now: datetime) -> BudgetState: ...
    def take(self, offer_id: int, now: datetime) -> UUID | None: ...


def by_fix(occasions: Iterable[Occasion]) -> Iterable[list[Occasion]]:
    """In the order of time, those together that one fix of one device brought."""
    together: dict[tuple[UUID, float], list[Occasion]] = defaultdict(list)
    for occasion in sorted(occasions, key=lambda occasion: occasion.at):
        together[occasion.device_id, occasion.at].append(occasion)
    return together.values()


class Decider:
    """Decides the occasions of one flush, fix by fix."""

    def __init__(
        self,
        snapshot: Configuration,
        leases: Units,
        customers: Mapping[UUID, Customer],
        now: datetime,
        decided: Decided,
    ) -> None:
        self._snapshot = snapshot
        self._leases = leases
        self._customers = customers
        self._now = now
        self.decided = decided

    def decide(self, together: Sequence[Occasion]) -> None:
        """All that one fix of one customer crossed (see `by_fix`), or all that is let go for one."""
        passing: list[tuple[Occasion, Candidate]] = []
        put_off: list[tuple[Occasion, Decision]] = []
        for occasion in together:
            if self._is_settled(occasion):
                if occasion.was_held:
                    self._end(occasion, occasion.offers, Reason.OUTRANKED)
                continue
            for offer in occasion.offers:
                decision = decide(self.question(occasion, offer))
                if decision.is_pass:
                    passing.append((occasion, candidate_of(occasion, decision)))
                elif decision.reason is Reason.HELD:
                    put_off.append((occasion, decision))
                else:
                    self._suppress(occasion, offer, decision.reason)
        is_given = self._give_one(passing)
        for occasion, decision in put_off:
            # One winner for a fix: what could only be given later has lost against what is given now.
            if is_given:
                self._suppress(occasion, decision.offer, Reason.OUTRANKED)
            else:
                self._hold(occasion, decision)

    def gone(self, held: Held, reason: Reason) -> None:
        """A held offer that is not there any more to be decided about."""
        self.decided.no_longer_held.append(held)
        self._count(held.bucket, held.offer_id, held.fence_id, "letting_go", reason)

    def _give_one(self, passing: list[tuple[Occasion, Candidate]]) -> bool:
        """Give the best that can be given, if any; the others are outranked."""
        is_given = False
        while passing and not is_given:
            occasion, winner = self._winner(passing)
            passing.remove((occasion, winner))
            drawn_for, draws = self._draw(occasion, winner.decision)
            rules = (*winner.decision.rules, *draws)
            if drawn_for is not None:
                self._hold_out(occasion, winner.decision, drawn_for, rules)
                is_given = drawn_for == "everything"
            else:
                is_given = self._deliver(occasion, winner.decision.offer, rules)
        for occasion, outranked in passing:
            self._suppress(occasion, outranked.decision.offer, Reason.OUTRANKED)
        return is_given

    def _draw(self, occasion: Occasion, decision: Decision) -> tuple[DrawnFor | None, tuple[Rule, ...]]:
        return held_out_of(decision.offer, occasion.customer_id, self._snapshot.defaults)

    def _is_settled(self, occasion: Occasion) -> bool:
        """The same crossing can be found again, by a phone that was made to forget where it is.

        And what was held can have been given at another crossing since, when the quiet hours were over
        already: it is not given a second time.
        """
        history = self._customers[occasion.customer_id].history
        return any(past.crossing_id == occasion.crossing_id for past in history) or (
            occasion.was_held
            and any(
                past.offer_id == occasion.offers[0].offer_id and past.decided_at >= utc(occasion.at)
                for past in history
            )
        )

    def _winner(self, passing: Sequence[tuple[Occasion, Candidate]]) -> tuple[Occasion, Candidate]:
        first = passing[0][0]
        customer = self._customers[first.customer_id]
        candidates = [candidate for _, candidate in passing]
        chosen = choose(candidates, customer.person, customer.history, seed_of(first), self._now)
        return next(pair for pair in passing if pair[1] is chosen)

    def question(self, occasion: Occasion, offer: Offer) -> Question:
        """What is asked about one offer, with everything that was given up to now."""
        customer = self._customers[occasion.customer_id]
        budget = self._leases.state(offer.offer_id, self._now) if offer.is_limited else "free"
        return Question(
            offer=offer,
            trigger=occasion.trigger,
            crossed_at=utc(occasion.at),
            place=occasion.place,
            person=customer.person,
            history=customer.history,
            caps=self._snapshot.caps,
            defaults=self._snapshot.defaults,
            budget=budget,
            now=self._now,
            is_stopped=offer.offer_id in self._snapshot.stopped,
            was_held=occasion.was_held,
            is_present=occasion.is_present,
            holds=() if occasion.was_held else customer.holds,
        )

    def _deliver(self, occasion: Occasion, offer: Offer, rules: Sequence[Rule]) -> bool:
        lease_id = None
        if offer.is_limited:
            lease_id = self._leases.take(offer.offer_id, self._now)
            if lease_id is None:
                self._suppress(occasion, offer, Reason.BUDGET_RESERVED)
                return False
        self.decided.deliveries.append(
            Delivery(
                bucket=occasion.bucket,
                customer_id=occasion.customer_id,
                device_id=occasion.device_id,
                told=self._tell(occasion, offer),
                offer=offer,
                trace=_trace(rules),
                lease_id=lease_id,
                handed_at=self._now if occasion.is_answered else None,
            )
        )
        self._customers[occasion.customer_id].history.append(
            PastDelivery(
                offer_id=offer.offer_id,
                retailer_id=offer.retailer_id,
                channel=offer.channel,
                tags=offer.tags,
                decided_at=self._now,
                crossing_id=occasion.crossing_id,
                counts_toward_caps=offer.counts_toward_caps,
            )
        )
        self._end(occasion, (offer,), Reason.DELIVERED)
        return True

    def _tell(self, occasion: Occasion, offer: Offer) -> Delivered:
        customer = self._customers[occasion.customer_id]
        customer.last_seq += 1
        language, said = words(offer.content, customer.person.language)
        place = occasion.place
        return Delivered(
            delivery_id=uuid4(),
            seq=customer.last_seq,
            offer_id=offer.offer_id,
            retailer_id=offer.retailer_id,
            site_id=place.site_id,
            fence_id=place.fence_id,
            crossing_id=occasion.crossing_id,
            trigger=occasion.trigger,
            channel=offer.channel,
            title=said["title"],
            text=said["text"],
            language=language,
            code=new_code(occasion.bucket),
            tags=list(offer.tags),
            decided_at=self._now,
            expires_at=self._now + timedelta(seconds=offer.expires_after_s),
            menu_id=offer.menu_id,
        )

    def _hold_out(
        self, occasion: Occasion, decision: Decision, drawn_for: DrawnFor, rules: Sequence[Rule]
    ) -> None:
        self.decided.holdouts.append(Holdout(occasion, decision.offer, drawn_for, _trace(rules)))
        self._suppress(occasion, decision.offer, Reason.HOLDOUT)

    def _hold(self, occasion: Occasion, decision: Decision) -> None:
        """Put it off; what is let go and meets quiet hours again waits once more."""
        assert decision.hold_until is not None
        offer_id = decision.offer.offer_id
        customer = self._customers[occasion.customer_id]
        if not occasion.was_held and offer_id in customer.holds:  # crossed twice in one flush
            self._suppress(occasion, decision.offer, Reason.ALREADY_HELD)
            return
        customer.holds.add(offer_id)
        self.decided.holds.append(Hold(occasion, offer_id, decision.hold_until))
        if not occasion.was_held:
            self._count_at(occasion, offer_id, Reason.HELD)

    def _suppress(self, occasion: Occasion, offer: Offer, reason: Reason) -> None:
        self._end(occasion, (offer,), reason)

    def _end(self, occasion: Occasion, offers: Iterable[Offer], reason: Reason) -> None:
        """What was decided stays so: it is counted, and a held offer waits no longer."""
        fence_id = occasion.place.fence_id
        for offer in offers:
            if occasion.was_held:
                held = Held(occasion.bucket, occasion.customer_id, offer.offer_id, fence_id)
                self.decided.no_longer_held.append(held)
            self._count_at(occasion, offer.offer_id, reason)

    def _count_at(self, occasion: Occasion, offer_id: int, reason: Reason) -> None:
        self._count(occasion.bucket, offer_id, occasion.place.fence_id, occasion.moment, reason)

    def _count(self, bucket: int, offer_id: int, fence_id: int, moment: Moment, reason: Reason) -> None:
        self.decided.outcomes[Outcome(bucket, offer_id, fence_id, moment, reason)] += 1


def candidate_of(occasion: Occasion, decision: Decision) -> Candidate:
    """A decision that passed, where the person is seen from its place."""
    return Candidate(decision=decision, place=occasion.place, distance_m=occasion.distance_m)


def seed_of(occasion: Occasion) -> int:
    """What settles what is otherwise equal: the same for the same fix of the same phone."""
    return round(occasion.at * 1000) ^ (occasion.device_id.int & 0xFFFF_FFFF)


def _trace(rules: Iterable[Rule]) -> list[dict[str, object]]:
    return [msgspec.to_builtins(rule) for rule in rules]
