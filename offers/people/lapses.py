"""Consents that lapse: the grants of customers derived anew once a newer text's grace is over.

A lapse falls at a date, for everybody at once, and so is nothing that a job could do in time. Instead
`customers.grants_as_of` says until when lapses have been looked at, and whoever locks a customer looks at
the later ones first (`offers.people.customers.lock_customers`, the flush, the live stream). The sweeper
does the same for those whom nobody touches. Which consents lapse is `offers.lapsing`'s; the record of
answers is not changed, and what ends with a lapse is what ends with a withdrawal.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from offers.buckets import BUCKETS
from offers.consent import grant_key
from offers.lapsing import Version, overtaken
from offers.people.keys import CustomerKey
from offers.people.withdrawal import undo_uncovered

AT_ONCE: Final = 100

_NOW_AND_LAST: Final = """
    SELECT at AS now, (SELECT max(lapses_at) FROM notice_versions WHERE lapses_at <= at) AS lapse
    FROM alentour_now() AS at
"""
_VERSIONS: Final = """
    SELECT purpose, version, retailer_id, asks_again, lapses_at, published_at FROM notice_versions
    WHERE $1::text[] IS NULL OR purpose = ANY($1)
"""
_OVERDUE: Final = """
    SELECT c.bucket, c.customer_id, c.grants
    FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
    JOIN customers AS c ON c.bucket = w.bucket AND c.customer_id = w.customer_id
    WHERE c.grants_as_of IS NULL OR c.grants_as_of < $3
"""
_CURRENT: Final = """
    SELECT DISTINCT ON (k.bucket, k.customer_id, k.purpose, k.retailer_id, k.channel)
           k.customer_id, k.purpose, k.retailer_id, k.channel, k.is_granted AS granted, k.notice_version
    FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
    JOIN consents AS k ON k.bucket = w.bucket AND k.customer_id = w.customer_id
    ORDER BY k.bucket, k.customer_id, k.purpose, k.retailer_id, k.channel, k.recorded_at DESC
"""
_LOOKED_AT: Final = """
    UPDATE customers AS c SET grants_as_of = $3
    FROM unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
    WHERE c.bucket = w.bucket AND c.customer_id = w.customer_id
"""
_SET_GRANTS: Final = "UPDATE customers SET grants = $3 WHERE bucket = $1 AND customer_id = $2"
_NEXT_OVERDUE: Final = """
    SELECT bucket, customer_id FROM customers
    WHERE bucket = $1 AND grants <> '{}' AND (grants_as_of IS NULL OR grants_as_of < $2)
    ORDER BY customer_id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""
_IS_ANY_LEFT: Final = """
    SELECT EXISTS (SELECT FROM customers
                   WHERE bucket = $1 AND grants <> '{}' AND (grants_as_of IS NULL OR grants_as_of < $2))
"""


class _Current(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that counts to one question."""

    customer_id: UUID
    purpose: str
    retailer_id: int | None
    channel: str | None
    granted: bool
    notice_version: int


async def read_now_and_last_lapse(connection: asyncpg.Connection) -> tuple[datetime, datetime | None]:
    """The time, and the last date until now on which consents lapsed; None when none ever did."""
    row = await connection.fetchrow(_NOW_AND_LAST)
    return row["now"], row["lapse"]


async def read_versions(
    connection: asyncpg.Connection, purposes: Collection[str] | None = None
) -> list[Version]:
    """What was published of these purposes, or of all."""
    rows = await connection.fetch(_VERSIONS, None if purposes is None else list(purposes))
    return [Version(**dict(row)) for row in rows]


async def lapse(
    connection: asyncpg.Connection, keys: Collection[CustomerKey], now: datetime, last: datetime | None
) -> bool:
    """Take what lapsed until `now` from the grants of these locked customers, with all that follows.

    `now` and `last` as `read_now_and_last_lapse` told them under the locks. Returns whether anybody's
    grants had to be looked at; mostly nobody's, and then nothing was read or written.
    """
    if last is None:
        return False
    overdue = await connection.fetch(_OVERDUE, *_columns(keys), last)
    if not overdue:
        return False
    found = [CustomerKey(row["bucket"], row["customer_id"]) for row in overdue]
    lapsed = await _lapsed(connection, found, now)
    await connection.execute(_LOOKED_AT, *_columns(found), now)
    for key, row in zip(found, overdue, strict=True):
        before = frozenset(row["grants"])
        if ended := before & lapsed.get(key.customer_id, frozenset()):
            await connection.execute(_SET_GRANTS, *key, sorted(before - ended))
            await undo_uncovered(connection, key, before - ended, now, ended=ended, because="consent_lapsed")
    return True


async def without_lapsed(
    connection: asyncpg.Connection, key: CustomerKey, grants: frozenset[str], as_of: datetime | None
) -> frozenset[str]:
    """The grants that count now, for whoever only reads: nobody may have looked at them since `as_of`."""
    now, last = await read_now_and_last_lapse(connection)
    if last is None or (as_of is not None and as_of >= last):
        return grants
    lapsed = await _lapsed(connection, [key], now)
    return grants - lapsed.get(key.customer_id, frozenset())


async def _lapsed(
    connection: asyncpg.Connection, keys: Sequence[CustomerKey], now: datetime
) -> Mapping[UUID, frozenset[str]]:
    """By customer, the grants whose consent is over."""
    versions = await read_versions(connection)
    lapsed: dict[UUID, set[str]] = defaultdict(set)
    for row in await connection.fetch(_CURRENT, *_columns(keys)):
        answer = _Current(**dict(row))
        newer = overtaken(answer, versions)
        if newer is not None and newer.is_over(now):
            lapsed[answer.customer_id].add(grant_key(answer.purpose, answer.retailer_id, answer.channel))
    return {customer_id: frozenset(grants) for customer_id, grants in lapsed.items()}


class LapseSweep:
    """Looks at everybody once after each lapse, for those whom nobody else locks. One per worker."""

    def __init__(self, pool: asyncpg.Pool, at_once: int = AT_ONCE) -> None:
        self._pool = pool
        self._at_once = at_once
        self._done_until: datetime | None = None

    async def sweep(self) -> int:
        """How many customers were looked at; none, and no search for them, until the next lapse."""
        _, last = await read_now_and_last_lapse(self._pool)
        if last is None or last == self._done_until:
            return 0
        total, is_done = 0, True
        for bucket in range(BUCKETS):
            while looked_at := await self._piece(bucket):
                total += looked_at
            # Those that somebody has locked just now are left for the next round.
            is_done = is_done and not await self._pool.fetchval(_IS_ANY_LEFT, bucket, last)
        if is_done:
            self._done_until = last
        return total

    async def _piece(self, bucket: int) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            _, last = await read_now_and_last_lapse(connection)
            rows = await connection.fetch(_NEXT_OVERDUE, bucket, last, self._at_once)
            keys = [CustomerKey(row["bucket"], row["customer_id"]) for row in rows]
            now, last = await read_now_and_last_lapse(connection)
            await lapse(connection, keys, now, last)
            return len(keys)


def _columns(keys: Collection[CustomerKey]) -> tuple[list[int], list[UUID]]:
    return [key.bucket for key in keys], [key.customer_id for key in keys]
