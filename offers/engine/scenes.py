"""What a rehearsal needs of the rows: places, offers, limits, budgets; and real people, where allowed.

Reads what is committed now, not a worker's snapshot, so that an edit shows at once. Writes nothing and
leases nothing: budgets are told from their rows.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput, NotFound
from geo.spots import Spot
from offers.engine.following import metres_between
from offers.engine.leases import BudgetState
from offers.engine.loading import Customer, load_customers
from offers.engine.rehearsal import Setting, Standpoint
from offers.engine.snapshot import FENCES, OFFERS, as_offer, as_place, read_limits
from offers.people.customers import CustomerKey, read_grants
from offers.terms import Offer, Place

MOST_OFFERS: Final = 200
MOST_FENCES: Final = 100

# $1 NULL: every business's, for an admin.
_ONE_FENCE: Final = f"{FENCES} AND ($1::bigint IS NULL OR f.retailer_id = $1) AND f.fence_id = $2"
_COVERING: Final = f"""
{FENCES} AND ($1::bigint IS NULL OR f.retailer_id = $1)
  AND ST_Covers(f.shape, ST_SetSRID(ST_MakePoint($2, $3), 4326))
ORDER BY f.fence_id LIMIT $4
"""
_NAMED: Final = (
    f"{OFFERS} WHERE ($1::bigint IS NULL OR o.retailer_id = $1) AND o.offer_id = ANY($2::bigint[])"
)
# Those that the engine would look at there; drafts are looked at only where they are named.
_AT: Final = f"""
{OFFERS} WHERE o.status IN ('active', 'paused') AND EXISTS (
    SELECT FROM fences AS f
    WHERE f.fence_id = ANY($1::bigint[]) AND f.retailer_id = o.retailer_id
      AND (f.fence_id = ANY (o.fence_ids) OR f.site_id = ANY (o.site_ids) OR f.tags && o.fence_tags))
ORDER BY o.offer_id LIMIT $2
"""
# A day or week that is not the one counted has all its units still.
_BUDGETS: Final = """
SELECT b.offer_id, least(
           b.deliveries_available,
           CASE WHEN b.per_day IS NULL THEN NULL
                WHEN b.day_start IS DISTINCT FROM period_start('day', b.time_zone, $2) THEN b.per_day
                ELSE b.day_available END,
           CASE WHEN b.per_week IS NULL THEN NULL
                WHEN b.week_start IS DISTINCT FROM period_start('week', b.time_zone, $2) THEN b.per_week
                ELSE b.week_available END) AS remaining,
       EXISTS (SELECT FROM budget_leases AS l WHERE l.offer_id = b.offer_id) AS is_leased
FROM offer_budgets AS b WHERE b.offer_id = ANY($1::bigint[])
"""


async def stand_in_fence(
    connection: asyncpg.Connection, retailer_id: int | None, fence_id: int, default_time_zone: str
) -> list[Standpoint]:
    """Right at the place of one fence. NotFound for another retailer's."""
    row = await connection.fetchrow(_ONE_FENCE, retailer_id, fence_id)
    if row is None:
        raise NotFound(f"There is no fence {fence_id}.")
    return [Standpoint(as_place(row, default_time_zone), row["name"], 0.0)]


async def stand_at(
    connection: asyncpg.Connection, retailer_id: int | None, spot: Spot, default_time_zone: str
) -> list[Standpoint]:
    """In every fence of the retailer that covers a position; there may be none."""
    rows = await connection.fetch(_COVERING, retailer_id, spot.lon, spot.lat, MOST_FENCES)
    return [_seen_from(spot, as_place(row, default_time_zone), row["name"]) for row in rows]


async def offers_named(
    connection: asyncpg.Connection, retailer_id: int | None, offer_ids: Sequence[int]
) -> list[Offer]:
    """In the order given, drafts and ended ones too. NotFound for another retailer's."""
    found = {one.offer_id: one for one in await offers_known(connection, retailer_id, offer_ids)}
    missing = [one for one in offer_ids if one not in found]
    if missing:
        raise NotFound(f"There is no offer {missing[0]}.")
    return [found[one] for one in dict.fromkeys(offer_ids)]


async def offers_known(
    connection: asyncpg.Connection, retailer_id: int | None, offer_ids: Collection[int]
) -> list[Offer]:
    """Those of these offers that are the retailer's; the others are left out."""
    rows = await connection.fetch(_NAMED, retailer_id, list(offer_ids))
    return [as_offer(row) for row in rows]


async def offers_at(connection: asyncpg.Connection, standpoints: Sequence[Standpoint]) -> list[Offer]:
    """All active and paused ones that are tied to these fences. InvalidInput where they are too many."""
    fence_ids = [one.place.fence_id for one in standpoints]
    rows = await connection.fetch(_AT, fence_ids, MOST_OFFERS + 1)
    if len(rows) > MOST_OFFERS:
        reason = f"must name some: more than {MOST_OFFERS} offers are tied to this place"
        raise InvalidInput(f"offer_ids {reason}.", faults=(Fault("offer_ids", reason),))
    return [as_offer(row) for row in rows]


async def read_setting(connection: asyncpg.Connection, offers: Sequence[Offer]) -> Setting:
    """The limits and defaults of now; `offers` tell of themselves whether they are stopped."""
    caps, defaults = await read_limits(connection)
    return Setting(
        caps=caps,
        defaults=defaults,
        stopped=frozenset(offer.offer_id for offer in offers if offer.is_stopped),
    )


async def budget_states(
    connection: asyncpg.Connection, offer_ids: Collection[int], at: datetime
) -> dict[int, BudgetState]:
    """Whether a unit could be leased at that time; `reserved`: workers hold the last ones."""
    rows = await connection.fetch(_BUDGETS, list(offer_ids), at)
    return {row["offer_id"]: _budget_state(row) for row in rows}


async def real_customer(connection: asyncpg.Connection, key: CustomerKey, at: datetime) -> Customer:
    """A real person with all they were given, as the engine loads them. NotFound if there is none."""
    found = await load_customers(connection, {(key.bucket, key.customer_id): True}, at)
    if key.customer_id not in found:
        raise NotFound("There is no such customer.")
    customer = found[key.customer_id]
    # Who holds a lock takes lapsed consents away; who only reads leaves them out.
    grants = await read_grants(connection, key)
    customer.person = msgspec.structs.replace(customer.person, grants=grants)
    return customer


def as_if_active(offers: Sequence[Offer]) -> list[Offer]:
    """What would be decided once drafts and paused offers were activated, which also ends a stop."""
    return [
        msgspec.structs.replace(one, status="active", is_stopped=False)
        if one.status in {"draft", "paused"}
        else one
        for one in offers
    ]


def _seen_from(spot: Spot, place: Place, name: str) -> Standpoint:
    return Standpoint(place, name, metres_between(spot.lat, spot.lon, place.latitude, place.longitude))


def _budget_state(row: asyncpg.Record) -> BudgetState:
    if row["remaining"] is None or row["remaining"] > 0:
        return "free"
    return "reserved" if row["is_leased"] else "spent"
