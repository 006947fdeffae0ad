"""From crossings to deliveries: every crossing of every customer in a flush, one winner per fix.

Runs while the customers are locked and their histories loaded; does no input or output. What it
decides is only told to anybody after the flush that called it has committed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from geo.crossings import Crossing
from offers.codes import new_code
from offers.eligibility import Decision, Question, decide
from offers.engine.answers import Delivered, utc, words
from offers.engine.leases import Leases
from offers.engine.loading import Customer
from offers.engine.snapshot import Fence, Snapshot
from offers.ranking import Candidate, choose
from offers.terms import Offer, PastDelivery, Reason


class Occasion(msgspec.Struct):
    """One crossing that concerns at least one offer, of one customer's device, at one fix."""

    bucket: int
    customer_id: UUID
    device_id: UUID
    fix_at: float
    crossing_id: UUID
    crossing: Crossing
    fence: Fence
    offers: tuple[Offer, ...]
    distance_m: float
    # The delivery is told in the answer to the phone that sent the fix; a timer tells nobody yet.
    is_answered: bool


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


class Decided(msgspec.Struct):
    """What one flush decided."""

    deliveries: list[Delivery]
    suppressed: Counter[tuple[int, int, Reason]]  # (bucket, offer_id, reason)


def by_fix(occasions: Iterable[Occasion]) -> Iterable[list[Occasion]]:
    """In the order of time, those together that one fix of one device brought."""
    together: dict[tuple[UUID, float], list[Occasion]] = defaultdict(list)
    for occasion in sorted(occasions, key=lambda occasion: occasion.fix_at):
        together[occasion.device_id, occasion.fix_at].append(occasion)
    return together.values()


class Decider:
    """Decides the occasions of one flush, fix by fix."""

    def __init__(
        self,
        snapshot: Snapshot,
        leases: Leases,
        customers: Mapping[UUID, Customer],
        now: datetime,
        decided: Decided,
    ) -> None:
        self._snapshot = snapshot
        self._leases = leases
        self._customers = customers
        self._now = now
        self.decided = decided

    def decide(self, same_fix: Sequence[Occasion]) -> None:
        """All that one fix of one customer crossed (see `by_fix`)."""
        passing: list[tuple[Occasion, Candidate]] = []
        for occasion in same_fix:
            if self._was_delivered(occasion):
                continue
            for offer in occasion.offers:
                decision = decide(self._question(occasion, offer))
                if decision.is_pass:
                    passing.append((occasion, self._candidate(occasion, decision)))
                else:
                    self._suppress(occasion.bucket, offer, decision.reason)
        while passing:
            occasion, winner = self._winner(passing)
            passing.remove((occasion, winner))
            if self._deliver(occasion, winner.decision):
                break
        for occasion, outranked in passing:
            self._suppress(occasion.bucket, outranked.decision.offer, Reason.OUTRANKED)

    def _was_delivered(self, occasion: Occasion) -> bool:
        """The same crossing can be found again, by a phone that was made to forget where it is."""
        history = self._customers[occasion.customer_id].history
        return any(past.crossing_id == occasion.crossing_id for past in history)

    def _winner(self, passing: Sequence[tuple[Occasion, Candidate]]) -> tuple[Occasion, Candidate]:
        first = passing[0][0]
        customer = self._customers[first.customer_id]
        seed = round(first.fix_at * 1000) ^ (first.device_id.int & 0xFFFF_FFFF)
        candidates = [candidate for _, candidate in passing]
        chosen = choose(candidates, customer.person, customer.history, seed)
        return next(pair for pair in passing if pair[1] is chosen)

    def _question(self, occasion: Occasion, offer: Offer) -> Question:
        customer = self._customers[occasion.customer_id]
        return Question(
            offer=offer,
            trigger=occasion.crossing.kind,
            crossed_at=utc(occasion.fix_at),  # a crossing is as fresh as the fix that made it certain
            place=occasion.fence.place,
            person=customer.person,
            history=customer.history,
            caps=self._snapshot.caps,
            defaults=self._snapshot.defaults,
            budget="free" if offer.delivery_budget is None else self._leases.state(offer.offer_id),
            now=self._now,
            is_stopped=offer.offer_id in self._snapshot.stopped,
        )

    def _candidate(self, occasion: Occasion, decision: Decision) -> Candidate:
        return Candidate(decision=decision, place=occasion.fence.place, distance_m=occasion.distance_m)

    def _deliver(self, occasion: Occasion, decision: Decision) -> bool:
        offer = decision.offer
        lease_id = None
        if offer.delivery_budget is not None:
            lease_id = self._leases.take(offer.offer_id)
            if lease_id is None:
                self._suppress(occasion.bucket, offer, Reason.BUDGET_RESERVED)
                return False
        self.decided.deliveries.append(
            Delivery(
                bucket=occasion.bucket,
                customer_id=occasion.customer_id,
                device_id=occasion.device_id,
                told=self._tell(occasion, offer),
                offer=offer,
                trace=[msgspec.to_builtins(rule) for rule in decision.rules],
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
        return True

    def _tell(self, occasion: Occasion, offer: Offer) -> Delivered:
        customer = self._customers[occasion.customer_id]
        customer.last_seq += 1
        language, said = words(offer.content, customer.person.language)
        crossing, place = occasion.crossing, occasion.fence.place
        return Delivered(
            delivery_id=uuid4(),
            seq=customer.last_seq,
            offer_id=offer.offer_id,
            retailer_id=offer.retailer_id,
            site_id=place.site_id,
            fence_id=place.fence_id,
            crossing_id=occasion.crossing_id,
            trigger=crossing.kind,
            channel=offer.channel,
            title=said["title"],
            text=said["text"],
            language=language,
            code=new_code(occasion.bucket),
            tags=list(offer.tags),
            decided_at=self._now,
            expires_at=self._now + timedelta(seconds=offer.expires_after_s),
        )

    def _suppress(self, bucket: int, offer: Offer, reason: Reason) -> None:
        self.decided.suppressed[bucket, offer.offer_id, reason] += 1
