"""What a flush reads, under the locks it takes first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.tracking import DeviceState
from offers.engine.work import Due, Sent, Work
from offers.terms import PastDelivery, Person

_LOCK_AND_LOAD: Final = "SELECT * FROM lock_and_load($1, $2, $3, $4, $5)"

# Everything this customer was ever given: limits may reach back for ever, and only customers
# with something to decide are asked about. A delivery that nobody was handed gives its slot back
# when it expires.
_HISTORIES: Final = """
SELECT d.customer_id, d.offer_id, d.retailer_id, d.channel, d.tags, d.decided_at, d.counts_toward_caps,
       d.cancelled_at IS NULL AND (d.handed_at IS NOT NULL OR d.expires_at > $3) AS takes_slot,
       d.dismissed_at IS NOT NULL AS was_dismissed
FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
JOIN deliveries d ON d.bucket = w.bucket AND d.customer_id = w.customer_id
ORDER BY d.decided_at
"""

_FORGET_CURRENT: Final = """
DELETE FROM device_tokens WHERE bucket = $1 AND device_id = $2 AND status = 'current'
"""
_MAKE_CURRENT: Final = """
UPDATE device_tokens SET status = 'current' WHERE bucket = $1 AND token_hash = $2
"""


class Visitor:
    """A device whose customer this flush has locked, with what is remembered of it."""

    __slots__ = ("_row", "bucket", "customer_id", "device_id", "grants", "is_active", "state", "was_touched")

    def __init__(self, row: asyncpg.Record) -> None:
        self._row = row
        self.bucket: int = row["bucket"]
        self.customer_id: UUID = row["customer_id"]
        self.device_id: UUID = row["device_id"]
        self.grants: frozenset[str] = frozenset(row["grants"])
        text = row["state"]
        self.state = _read_state(text) if text is not None else DeviceState()
        self.is_active: bool = row["device_status"] == "active"
        self.was_touched = False

    @property
    def last_seq(self) -> int:
        seq: int = self._row["last_seq"]
        return seq

    def person(self) -> Person:
        row = self._row
        return Person(
            customer_id=self.customer_id,
            time_zone=row["time_zone"],
            language=row["language"],
            grants=self.grants,
            quiet_start=row["quiet_start"],
            quiet_end=row["quiet_end"],
            interests=frozenset(row["interests"]),
            age_band=row["age_band"],
        )


_read_state: Final = msgspec.json.Decoder(DeviceState).decode


class Loaded(msgspec.Struct):
    """The visitors by position in the work, the positions that must wait, and the moment of decision."""

    visitors: dict[int, Visitor]
    skipped: set[int]
    now: datetime | None
    stop_version: int


async def load(connection: asyncpg.Connection, work: Sequence[Work], *, wait: bool) -> Loaded:
    """Lock the customers of `work`, then read them. A position in neither part is unknown or revoked."""
    sent = [(position, item) for position, item in enumerate(work) if isinstance(item, Sent)]
    due = [(position, item) for position, item in enumerate(work) if isinstance(item, Due)]
    rows = await connection.fetch(
        _LOCK_AND_LOAD,
        [item.bucket for _, item in sent],
        [item.token_hash for _, item in sent],
        [item.bucket for _, item in due],
        [item.device_id for _, item in due],
        wait,
    )
    positions = [position for position, _ in sent] + [position for position, _ in due]
    loaded = Loaded({}, set(), None, 0)
    same_device: dict[UUID, Visitor] = {}
    for row in rows:
        loaded.now, loaded.stop_version = row["decided_at"], row["stop_version"]
        position = positions[row["ord"] - 1]
        if not row["is_locked"]:
            loaded.skipped.add(position)
        elif row["device_status"] == "active" or row["token_status"] is None:
            visitor = same_device.get(row["device_id"])
            if visitor is None:
                visitor = same_device[row["device_id"]] = Visitor(row)
            loaded.visitors[position] = visitor
            item = work[position]
            if row["token_status"] == "next" and isinstance(item, Sent):  # noqa: S105 - a status
                await _use_new_token(connection, visitor, item.token_hash)
    return loaded


async def _use_new_token(connection: asyncpg.Connection, visitor: Visitor, token_hash: bytes) -> None:
    """The first use of a rotated token ends the old one."""
    await connection.execute(_FORGET_CURRENT, visitor.bucket, visitor.device_id)
    await connection.execute(_MAKE_CURRENT, visitor.bucket, token_hash)


async def load_histories(
    connection: asyncpg.Connection, customers: Iterable[tuple[int, UUID]], now: datetime
) -> dict[UUID, list[PastDelivery]]:
    """What each (bucket, customer id) was given so far, oldest first."""
    keys = sorted(set(customers))
    histories: dict[UUID, list[PastDelivery]] = {customer_id: [] for _, customer_id in keys}
    rows = await connection.fetch(
        _HISTORIES, [bucket for bucket, _ in keys], [customer_id for _, customer_id in keys], now
    )
    for row in rows:
        histories[row["customer_id"]].append(
            PastDelivery(
                offer_id=row["offer_id"],
                retailer_id=row["retailer_id"],
                channel=row["channel"],
                tags=tuple(row["tags"]),
                decided_at=row["decided_at"],
                counts_toward_caps=row["counts_toward_caps"],
                takes_slot=row["takes_slot"],
                was_dismissed=row["was_dismissed"],
            )
        )
    return histories
