"""What a flush reads, under the locks it takes first.

Of every phone only what following it needs; of the few customers with something to decide, in a
second statement, the person and everything they were given.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Self
from uuid import UUID

import asyncpg
import msgspec

from geo.tracking import DeviceState
from offers.engine.work import Sent, Work
from offers.people.keys import CustomerKey
from offers.people.tokens import promote_token
from offers.terms import PastDelivery, Person

_LOCK_AND_LOAD: Final = "SELECT * FROM lock_and_load($1, $2, $3, $4, $5)"
_LOCKED, _ACTIVE, _NEW_TOKEN, _FOR_OFFERS, _PENDING, _OVERDUE, _FOR_PARKING = 1, 2, 4, 8, 16, 32, 64

# Limits may reach back for ever, so all of a customer's deliveries are read, and all they had been given
# before they joined. One that was cancelled or expired before anybody was handed it has given its slot
# back; once handed, somebody may have seen it. Who wants less like an offer is not given that one again
# either. What is known of their visits, and what retailers said of them, is read for offers that ask and
# people who consented to it.
_PEOPLE: Final = """
SELECT c.customer_id, c.time_zone, c.language, c.quiet_start, c.quiet_end, c.interests, c.age_band, c.grants,
       c.last_seq,
       (SELECT array_agg(h.offer_id) FROM held_offers h
        WHERE h.bucket = c.bucket AND h.customer_id = c.customer_id) AS holds,
       CASE WHEN w.is_personal AND 'personalisation' = ANY (c.grants) THEN (
            SELECT json_object_agg(v.retailer_id, v.stays) FROM (
                SELECT x.retailer_id, json_agg(x.occurred_at) AS stays FROM crossings x
                WHERE x.bucket = c.bucket AND x.customer_id = c.customer_id AND x.kind = 'dwell'
                GROUP BY x.retailer_id) v)
       END AS visits,
       CASE WHEN w.is_personal AND 'personalisation' = ANY (c.grants) THEN (
            SELECT json_object_agg(a.retailer_id, a.attributes) FROM customer_attributes a
            WHERE a.bucket = c.bucket AND a.customer_id = c.customer_id)
       END AS attributes,
       (SELECT json_agg(json_build_object(
            'offer_id', g.offer_id, 'retailer_id', g.retailer_id, 'channel', g.channel, 'tags', g.tags,
            'decided_at', g.decided_at, 'crossing_id', g.crossing_id,
            'counts_toward_caps', g.counts_toward_caps,
            'takes_slot', g.takes_slot, 'was_dismissed', g.was_dismissed)
            ORDER BY g.decided_at)
        FROM (
            SELECT d.offer_id, d.retailer_id, d.channel, d.tags, d.decided_at, d.crossing_id,
                   d.counts_toward_caps,
                   d.handed_at IS NOT NULL OR (d.cancelled_at IS NULL AND d.expires_at > $3) AS takes_slot,
                   d.dismissed_at IS NOT NULL OR d.less_like_this_at IS NOT NULL AS was_dismissed
            FROM deliveries d WHERE d.bucket = c.bucket AND d.customer_id = c.customer_id
            UNION ALL
            SELECT e.offer_id, e.retailer_id, e.channel, e.tags, e.decided_at, NULL, e.counts_toward_caps,
                   true, e.was_dismissed
            FROM earlier_deliveries e WHERE e.bucket = c.bucket AND e.customer_id = c.customer_id
        ) g) AS history
FROM unnest($1::smallint[], $2::uuid[], $4::boolean[]) AS w(bucket, customer_id, is_personal)
JOIN customers c ON c.bucket = w.bucket AND c.customer_id = w.customer_id
"""

_ord: Final = itemgetter(0)
_read_state: Final = msgspec.json.Decoder(DeviceState).decode
_read_visits: Final = msgspec.json.Decoder(dict[int, tuple[datetime, ...]]).decode
_read_attributes: Final = msgspec.json.Decoder(dict[int, dict[str, str]]).decode
_read_history: Final = msgspec.json.Decoder(list[PastDelivery]).decode


class Visitor:
    """A device whose customer this flush has locked, with what is remembered of it.

    It may be followed `for_offers`, `for_parking`, both or neither, as its person said.
    """

    __slots__ = (
        "bucket", "customer_id", "device_id", "for_offers", "for_parking",
        "is_active", "state", "was_touched",
    )  # fmt: skip

    def __init__(self, row: asyncpg.Record, flags: int) -> None:
        _, self.bucket, self.customer_id, self.device_id, _, text, *_ = row
        self.is_active = bool(flags & _ACTIVE)
        self.for_offers = bool(flags & _FOR_OFFERS)
        self.for_parking = bool(flags & _FOR_PARKING)
        self.state: DeviceState = _read_state(text) if text is not None else DeviceState()
        self.was_touched = False


class Customer:
    """A customer with something to decide: who they are, what they were given, what waits for them."""

    __slots__ = ("history", "holds", "last_seq", "person")

    def __init__(
        self, person: Person, history: Iterable[PastDelivery], *, last_seq: int = 0, holds: Iterable[int] = ()
    ) -> None:
        self.person = person
        self.history = list(history)
        self.last_seq = last_seq
        self.holds = set(holds)

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        return cls(
            msgspec.convert(_person_of(row), Person),
            _read_history(row["history"]) if row["history"] else (),
            last_seq=row["last_seq"],
            holds=row["holds"] or (),
        )


class Loaded(msgspec.Struct):
    """The visitors by position in the work, and the customers of positions that must wait for a later flush.

    `pending` are the positions of devices that the first phone has not let in yet. `overdue` are locked
    customers of whom a consent may have lapsed: what was read of them holds only once that is dealt with.
    """

    visitors: dict[int, Visitor]
    skipped: dict[int, UUID]
    pending: set[int]
    now: datetime
    version: int
    stop_version: int
    is_ticking: bool
    overdue: set[CustomerKey]


async def load(connection: asyncpg.Connection, work: Sequence[Work], *, wait: bool) -> Loaded:
    """Lock the customers of `work`, then read them. A position in neither part is unknown or revoked."""
    sent = [(position, item) for position, item in enumerate(work) if isinstance(item, Sent)]
    due = [(position, item) for position, item in enumerate(work) if not isinstance(item, Sent)]
    moment, *rows = await connection.fetch(
        _LOCK_AND_LOAD,
        [item.bucket for _, item in sent],
        [item.token_hash for _, item in sent],
        [item.bucket for _, item in due],
        [item.device_id for _, item in due],
        wait,
    )
    positions = [position for position, _ in sent] + [position for position, _ in due]
    loaded = Loaded(
        {},
        {},
        set(),
        now=moment["decided_at"],
        version=moment["version"],
        stop_version=moment["stop_version"],
        is_ticking=bool(moment["flags"]),
        overdue={CustomerKey(row[1], row[2]) for row in rows if row[4] & _OVERDUE},
    )
    rows.sort(key=_ord)
    same_device: dict[UUID, Visitor] = {}
    has_sent: set[UUID] = set()
    for row in rows:
        position, device_id, flags = positions[row[0] - 1], row[3], row[4]
        item = work[position]
        if not flags & _LOCKED or (isinstance(item, Sent) and device_id in has_sent):
            # One request of a device in a flush, also where it has two tokens: each builds on the one before.
            loaded.skipped[position] = row[2]
        elif flags & _ACTIVE or not isinstance(item, Sent):
            visitor = same_device.get(device_id)
            if visitor is None:
                visitor = same_device[device_id] = Visitor(row, flags)
            loaded.visitors[position] = visitor
            if isinstance(item, Sent):
                has_sent.add(device_id)
                if flags & _NEW_TOKEN:
                    await promote_token(connection, visitor.bucket, device_id, item.token_hash)
        elif flags & _PENDING:
            loaded.pending.add(position)
    return loaded


async def load_customers(
    connection: asyncpg.Connection, wanted: Mapping[tuple[int, UUID], bool], now: datetime
) -> dict[UUID, Customer]:
    """The customers of these (bucket, customer id), which this transaction has locked before.

    The value says whether an offer asks for their visits, or for what a retailer said of them.
    """
    keys = sorted(wanted)
    rows = await connection.fetch(
        _PEOPLE,
        [bucket for bucket, _ in keys],
        [customer_id for _, customer_id in keys],
        now,
        [wanted[key] for key in keys],
    )
    return {row["customer_id"]: Customer.of(row) for row in rows}


def _person_of(row: asyncpg.Record) -> dict[str, Any]:
    said = {name: row[name] for name in Person.__struct_fields__}
    said["visits"] = _read_visits(row["visits"]) if row["visits"] else None
    said["attributes"] = _read_attributes(row["attributes"]) if row["attributes"] else None
    return said
