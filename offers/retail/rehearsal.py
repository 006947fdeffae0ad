"""What would be decided: every rule with its numbers, for an invented person or a real one, and who wins.

The same rules, ranking and loading as of the engine, on the configuration as the database has it now. Nothing
is written, no unit is leased and no slot taken. Owns asking; whom one may ask about is for who calls.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import InvalidInput, NotFound
from offers.eligibility import Budget, Decision, Question, concerns, examine
from offers.engine.loading import load_customers
from offers.engine.snapshot import FENCES, OFFERS, offer_of, place_of, read_limits
from offers.holdouts import held_out_of
from offers.ranking import Candidate, choose
from offers.terms import Offer, PastDelivery, Person, Place, Reason, Rule, Trigger

MOST_OFFERS: Final = 200

_FENCE: Final = f"{FENCES} AND f.retailer_id = $1 AND f.fence_id = $2"
_COVERING: Final = f"""
    {FENCES} AND f.retailer_id = $1 AND ST_Covers(f.shape, ST_SetSRID(ST_MakePoint($2, $3), 4326))
    ORDER BY ST_Area(f.shape) LIMIT 1
"""
_OF_RETAILER: Final = f"""
    {OFFERS} WHERE o.retailer_id = $1 AND (cardinality($2::bigint[]) = 0 OR o.offer_id = ANY($2))
    ORDER BY o.offer_id LIMIT {MOST_OFFERS}
"""
# As `take_lease` counts; what other workers hold is `reserved`.
_BUDGETS: Final = """
    SELECT b.offer_id,
           least(b.deliveries_available,
                 CASE WHEN b.day_start = period_start('day', b.time_zone, $2) THEN b.day_available
                      ELSE b.per_day END,
                 CASE WHEN b.week_start = period_start('week', b.time_zone, $2) THEN b.week_available
                      ELSE b.per_week END) AS remaining,
           EXISTS (SELECT FROM budget_leases l WHERE l.offer_id = b.offer_id) AS is_leased
    FROM offer_budgets b WHERE b.offer_id = ANY($1::bigint[])
"""


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how: one fence of the retailer, or the smallest that covers (latitude, longitude)."""

    trigger: Trigger
    at: datetime
    fence_id: int | None = None
    position: tuple[float, float] | None = None


class Somebody(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the rules are asked about. A real customer also is drawn, or not, to be held out."""

    person: Person
    history: Sequence[PastDelivery] = ()
    holds: frozenset[int] = frozenset()
    is_real: bool = False


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """One offer: whether it is tied to this fence and trigger at all, and what every rule says of it."""

    offer: Offer
    is_tied: bool
    decision: Decision
    draws: tuple[Rule, ...] = ()

    @property
    def reason(self) -> Reason:
        return self.decision.reason


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Every offer that was asked about; `winner` is the one that would be given, if any."""

    place: Place
    offers: list[Rehearsed]
    winner: int | None


async def real_customer(
    connection: asyncpg.Connection, bucket: int, customer_id: UUID, now: datetime
) -> Somebody:
    """Read without a lock. NotFound for nobody."""
    found = await load_customers(connection, {(bucket, customer_id): True}, now)
    if customer_id not in found:
        raise NotFound("There is no such customer.")
    customer = found[customer_id]
    return Somebody(
        person=customer.person,
        history=customer.history,
        holds=frozenset(customer.holds),
        is_real=True,
    )


async def rehearse(
    connection: asyncpg.Connection,
    retailer_id: int,
    occasion: Occasion,
    offer_ids: Sequence[int],
    who: Somebody,
    default_time_zone: str,
) -> Rehearsal:
    """Raises NotFound for a fence or an offer that is not the retailer's, InvalidInput where no fence is."""
    place = await _place(connection, retailer_id, occasion, default_time_zone)
    rows = await connection.fetch(_OF_RETAILER, retailer_id, list(offer_ids))
    offers = [offer_of(row) for row in rows]
    _refuse_unknown(offer_ids, offers)
    if not offer_ids:
        offers = [offer for offer in offers if concerns(offer, place)]
    budgets = await _budgets(connection, offers, occasion.at)
    caps, defaults = await read_limits(connection)
    rehearsed = []
    for offer in offers:
        question = Question(
            offer=offer,
            trigger=occasion.trigger,
            crossed_at=occasion.at,
            place=place,
            person=who.person,
            history=who.history,
            caps=caps,
            defaults=defaults,
            budget=budgets.get(offer.offer_id, "free"),
            now=occasion.at,
            holds=who.holds,
        )
        is_tied = concerns(offer, place) and occasion.trigger in offer.triggers
        draws = held_out_of(offer, who.person.customer_id, defaults)[1] if who.is_real else ()
        rehearsed.append(Rehearsed(offer=offer, is_tied=is_tied, decision=examine(question), draws=draws))
    return Rehearsal(place=place, offers=rehearsed, winner=_winner(rehearsed, place, who, occasion.at))


def _winner(offers: Sequence[Rehearsed], place: Place, who: Somebody, now: datetime) -> int | None:
    candidates = [
        Candidate(decision=one.decision, place=place, distance_m=0.0)
        for one in offers
        if one.is_tied and one.decision.is_pass and all(draw.passed for draw in one.draws)
    ]
    if not candidates:
        return None
    return choose(candidates, who.person, who.history, seed=0, now=now).offer.offer_id


async def _place(
    connection: asyncpg.Connection, retailer_id: int, occasion: Occasion, default_time_zone: str
) -> Place:
    if occasion.position is not None:
        latitude, longitude = occasion.position
        row = await connection.fetchrow(_COVERING, retailer_id, longitude, latitude)
        if row is None:
            raise InvalidInput("None of your fences covers this position.")
    else:
        row = await connection.fetchrow(_FENCE, retailer_id, occasion.fence_id)
        if row is None:
            raise NotFound(f"There is no fence {occasion.fence_id}.")
    return place_of(row, default_time_zone)


def _refuse_unknown(offer_ids: Sequence[int], offers: Sequence[Offer]) -> None:
    if missing := set(offer_ids) - {offer.offer_id for offer in offers}:
        raise NotFound(f"There is no offer {min(missing)}.")


async def _budgets(
    connection: asyncpg.Connection, offers: Sequence[Offer], now: datetime
) -> Mapping[int, Budget]:
    limited = [offer.offer_id for offer in offers if offer.is_limited]
    budgets: dict[int, Budget] = {}
    for row in await connection.fetch(_BUDGETS, limited, now):
        if row["remaining"] is not None and row["remaining"] <= 0:
            budgets[row["offer_id"]] = "reserved" if row["is_leased"] else "spent"
    return budgets
