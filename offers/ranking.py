"""Which one of the offers that passed is delivered: one winner per customer and fix.

Owns the choice only. Every candidate passed all rules of `eligibility`; nothing here suppresses for
another reason than being outranked.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from offers.consent import may_personalise
from offers.eligibility import Decision
from offers.terms import Offer, PastDelivery, Person, Place, Reason, Rule

# What somebody turned away lowers its kind for so long.
DISLIKED_FOR: Final = timedelta(days=90)
# Distances are compared in steps below what a phone can tell apart; of two shops in the same step
# the one that was served less recently wins, instead of the one that the noise favours.
DISTANCE_STEP_M: Final = 10.0

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate is ranked by, in the order in which it counts.

    Priority orders one retailer's own offers only. `last_served_at`: when the person was last given
    something by this retailer; None: never.
    """

    is_disliked: bool
    priority: int
    is_of_interest: bool
    distance_m: float
    last_served_at: datetime | None


# What sets two candidates apart; `lot` where nothing else does.
Criterion = Literal["disliked", "priority", "interest", "distance", "last_served", "lot"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that passed, and how far the person is from the place it is about."""

    decision: Decision
    place: Place
    distance_m: float

    @property
    def offer(self) -> Offer:
        return self.decision.offer


def choose(
    candidates: Iterable[Candidate],
    person: Person,
    history: Sequence[PastDelivery],
    seed: int,
    now: datetime,
) -> Candidate:
    """The winner, whatever the order of the candidates; there must be at least one.

    With consent to personalisation, what is of a kind that the person turned away comes after all else.
    A retailer's own offers are then ordered by its priorities; each retailer's best competes by interest
    (with the same consent), distance and who was served least recently. `seed` settles what is still
    equal, the same way everywhere.
    """
    served, disliked = _last_served(history), _disliked(person, history, now)
    best: dict[int, tuple[_Rank, Candidate]] = {}
    for candidate in candidates:
        rank = _rank(candidate, person, served, disliked, seed)
        retailer_id = candidate.offer.retailer_id
        leader = best.get(retailer_id)
        if leader is None or _within_retailer(candidate, rank) < _within_retailer(leader[1], leader[0]):
            best[retailer_id] = (rank, candidate)
    return min(best.values(), key=lambda ranked: ranked[0])[1]


def ranked(
    candidates: Iterable[Candidate],
    person: Person,
    history: Sequence[PastDelivery],
    seed: int,
    now: datetime,
) -> list[tuple[Candidate, Standing]]:
    """The winner, then who would win without it, and so on, each with what it was ranked by."""
    served, disliked = _last_served(history), _disliked(person, history, now)
    left, order = list(candidates), []
    while left:
        first = choose(left, person, history, seed, now)
        left.remove(first)
        standing = Standing(
            is_disliked=not disliked.isdisjoint(first.offer.tags),
            priority=first.offer.priority,
            is_of_interest=_interests(first.offer, person),
            distance_m=first.distance_m,
            last_served_at=served.get(first.offer.retailer_id),
        )
        order.append((first, standing))
    return order


def set_apart_by(first: tuple[Candidate, Standing], second: tuple[Candidate, Standing]) -> Criterion:
    """Why the first of two that follow each other in `ranked` comes before the second."""
    one, other = first[1], second[1]
    is_one_retailers = first[0].offer.retailer_id == second[0].offer.retailer_id
    differs: list[tuple[Criterion, bool]] = [
        ("disliked", one.is_disliked != other.is_disliked),
        ("priority", is_one_retailers and one.priority != other.priority),
        ("interest", one.is_of_interest != other.is_of_interest),
        ("distance", one.distance_m // DISTANCE_STEP_M != other.distance_m // DISTANCE_STEP_M),
        ("last_served", one.last_served_at != other.last_served_at),
    ]
    return next((criterion for criterion, is_so in differs if is_so), "lot")


def outranked(candidate: Candidate, winner: Candidate) -> Decision:
    """The decision of a candidate that lost."""
    lost = Rule(name=Reason.OUTRANKED, passed=False, numbers={"by_offer": winner.offer.offer_id})
    rules = (*candidate.decision.rules, lost)
    return Decision(offer=candidate.offer, reason=Reason.OUTRANKED, rules=rules)


# Smaller is better.
_Rank = tuple[bool, bool, float, datetime, bytes]


def _within_retailer(candidate: Candidate, rank: _Rank) -> tuple[bool, int, _Rank]:
    return rank[0], -candidate.offer.priority, rank


def _rank(
    candidate: Candidate, person: Person, served: dict[int, datetime], disliked: frozenset[str], seed: int
) -> _Rank:
    return (
        not disliked.isdisjoint(candidate.offer.tags),
        not _interests(candidate.offer, person),
        candidate.distance_m // DISTANCE_STEP_M,
        served.get(candidate.offer.retailer_id, _NEVER),
        _lot(candidate, person, seed),
    )


def _interests(offer: Offer, person: Person) -> bool:
    """One shared tag is as good as ten: counting them would reward whoever lists the most."""
    return may_personalise(person.grants) and not person.interests.isdisjoint(offer.tags)


def _disliked(person: Person, history: Sequence[PastDelivery], now: datetime) -> frozenset[str]:
    """The tags of what the person dismissed, or wanted less of, in the last months."""
    if not may_personalise(person.grants):
        return frozenset()
    since = now - DISLIKED_FOR
    return frozenset(
        tag for past in history if past.was_dismissed and past.decided_at >= since for tag in past.tags
    )


def _last_served(history: Sequence[PastDelivery]) -> dict[int, datetime]:
    served: dict[int, datetime] = {}
    for past in history:
        if past.takes_slot:
            served[past.retailer_id] = max(past.decided_at, served.get(past.retailer_id, past.decided_at))
    return served


def _lot(candidate: Candidate, person: Person, seed: int) -> bytes:
    # Not Python's hash(): it differs from one process to the next.
    drawn = f"{seed}:{person.customer_id}:{candidate.offer.offer_id}:{candidate.place.fence_id}"
    return blake2b(drawn.encode(), digest_size=8).digest()
