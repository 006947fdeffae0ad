"""Offers held over quiet hours, when their time has come: read again, to be decided anew in full.

Owns reading what is due for locked customers and making occasions of it. The decision is `deciding`'s,
with everything asked again; that the rows end or wait once more is written by the flush.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.crossings import is_credibly_inside
from geo.tracking import DeviceState
from offers.engine.deciding import Held, Occasion
from offers.engine.following import metres_between
from offers.engine.snapshot import Fence, Snapshot
from offers.terms import Offer, Reason

_DUE: Final = """
SELECT h.bucket, h.customer_id, h.device_id, h.offer_id, h.fence_id, h.crossing_id, h.trigger, h.crossed_at,
       s.state::text AS state
FROM held_offers h
LEFT JOIN device_states s ON s.bucket = h.bucket AND s.device_id = h.device_id
WHERE h.bucket = ANY($1::smallint[]) AND h.customer_id = ANY($2::uuid[]) AND h.due_at <= $3
ORDER BY h.bucket, h.customer_id, h.crossed_at, h.offer_id
"""

_read_state: Final = msgspec.json.Decoder(DeviceState).decode


class LetGoing(msgspec.Struct):
    """What is due, by customer: to decide about, or gone with its offer or fence.

    `unheard_of` are customers with something of which this worker has not heard yet: not now.
    """

    occasions: dict[UUID, list[Occasion]] = {}
    gone: list[tuple[Held, Reason]] = []
    unheard_of: set[UUID] = set()

    @property
    def is_anything(self) -> bool:
        return bool(self.occasions or self.gone)


async def load_due(
    connection: asyncpg.Connection,
    customers: Iterable[tuple[int, UUID]],
    snapshot: Snapshot,
    now: datetime,
    *,
    is_behind: bool,
) -> LetGoing:
    """Everything that is due for these (bucket, customer id), which this transaction has locked."""
    wanted = sorted(set(customers))
    rows = await connection.fetch(_DUE, sorted({key[0] for key in wanted}), [key[1] for key in wanted], now)
    found = LetGoing()
    for row in rows:
        fence = snapshot.fences.get(row["fence_id"])
        offer = _offer_at(fence, row)
        if fence is not None and offer is not None:
            occasions = found.occasions.setdefault(row["customer_id"], [])
            occasions.append(_occasion(row, fence, offer, now))
        elif is_behind:
            found.unheard_of.add(row["customer_id"])
        else:
            found.gone.append((_held(row), Reason.FENCE_INACTIVE if fence is None else Reason.NOT_ACTIVE))
    for customer_id in found.unheard_of:
        found.occasions.pop(customer_id, None)
    found.gone = [one for one in found.gone if one[0].customer_id not in found.unheard_of]
    return found


def _held(row: asyncpg.Record) -> Held:
    return Held(row["bucket"], row["customer_id"], row["offer_id"], row["fence_id"])


def _offer_at(fence: Fence | None, row: asyncpg.Record) -> Offer | None:
    """None where it is not there any more: ended, or edited so that this crossing no longer concerns it."""
    offers = () if fence is None else fence.offers
    found = next((offer for offer in offers if offer.offer_id == row["offer_id"]), None)
    return found if found is not None and row["trigger"] in found.triggers else None


def _occasion(row: asyncpg.Record, fence: Fence, offer: Offer, now: datetime) -> Occasion:
    state = DeviceState() if row["state"] is None else _read_state(row["state"])
    place, distance_m = fence.place, 0.0
    if state.last is not None:
        distance_m = metres_between(state.last.lat, state.last.lon, place.latitude, place.longitude)
    return Occasion(
        bucket=row["bucket"],
        customer_id=row["customer_id"],
        device_id=row["device_id"],
        at=row["crossed_at"].timestamp(),
        crossing_id=row["crossing_id"],
        trigger=row["trigger"],
        place=place,
        offers=(offer,),
        distance_m=distance_m,
        is_answered=False,
        was_held=True,
        is_present=is_credibly_inside(
            state.fences.get(row["fence_id"]),
            now.timestamp(),
            state.watermark_at,
            is_watched_by_os=row["fence_id"] in state.monitored,
        ),
    )
