"""The live stream: one poll per worker for all its connected phones.

A delivery's `seq` is given under its customer's lock, so a later one never becomes visible before
an earlier one: whoever reads on from the last seq it was sent misses nothing and gets nothing
twice. The poll hands over under the customer's lock, as the inbox does, and skips customers who
are locked just now: they are read again a quarter of a second later, and nobody waits for them.

Owns the listeners and their queues. How an event looks on the wire belongs to the route.
"""

import asyncio
import weakref
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from geo.errors import TooMany
from offers.engine.answers import Delivered
from offers.handing.inbox import DELIVERY_COLUMNS, STILL_HOLDS, delivered, hand_over
from offers.people.customers import CustomerKey

POLL_EVERY_S: Final = 0.25
MOST_LISTENERS: Final = 1_000
MOST_PER_CUSTOMER: Final = 10
# A phone that does not read gets no more until it does; its rows wait in the table, not here.
QUEUE_LENGTH: Final = 50
_AFTER_A_FAILURE_S: Final = 1.0
_TRY_AGAIN_AFTER_S: Final = 10.0

_log = structlog.get_logger(__name__)

_NOW: Final = "SELECT alentour_now()"
_GONE: Final = """
    SELECT d.device_id FROM unnest($1::smallint[], $2::uuid[]) AS l(bucket, device_id)
    JOIN devices AS d ON d.bucket = l.bucket AND d.device_id = l.device_id
    WHERE d.status <> 'active'
"""
# No more than there is room for: what is handed over is queued in the same breath.
_WAITING: Final = f"""
    SELECT w.bucket, w.customer_id, d.*
    FROM unnest($2::smallint[], $3::uuid[], $4::bigint[], $5::bigint[])
      AS w(bucket, customer_id, after_seq, room)
    CROSS JOIN LATERAL (
        SELECT {DELIVERY_COLUMNS} FROM deliveries AS d
        WHERE d.bucket = w.bucket AND d.customer_id = w.customer_id AND d.seq > w.after_seq
          AND {STILL_HOLDS}
        ORDER BY d.seq LIMIT w.room
    ) AS d
    ORDER BY w.bucket, w.customer_id, d.seq
"""  # noqa: S608 - joined from constants of our own
_LOCK: Final = """
    SELECT c.bucket, c.customer_id FROM customers AS c
    JOIN unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
      ON w.bucket = c.bucket AND w.customer_id = c.customer_id
    ORDER BY c.bucket, c.customer_id FOR NO KEY UPDATE OF c SKIP LOCKED
"""


class Listener:
    """One connected phone. `sent_seq` is the last seq that was put in its queue."""

    def __init__(self, key: CustomerKey, device_id: UUID, after_seq: int) -> None:
        self.key = key
        self.device_id = device_id
        self.sent_seq = after_seq
        self.is_closed = False
        self._queue: asyncio.Queue[Delivered | None] = asyncio.Queue()

    @property
    def room(self) -> int:
        return 0 if self.is_closed else max(0, QUEUE_LENGTH - self._queue.qsize())

    @property
    def has_room(self) -> bool:
        return self.room > 0

    async def next(self, within_s: float) -> Delivered | None:
        """The next delivery; None when none came in time, or when the stream has ended."""
        if self.is_closed and self._queue.empty():
            return None
        try:
            return await asyncio.wait_for(self._queue.get(), within_s)
        except TimeoutError:
            return None

    def send(self, delivery: Delivered) -> None:
        """Queue it, unless it was queued before or there is no room: then the next poll offers it again."""
        if delivery.seq > self.sent_seq and self.has_room:
            self.sent_seq = delivery.seq
            self._queue.put_nowait(delivery)

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._queue.put_nowait(None)


class LiveHub:
    """All listeners of a worker. Polls while there are any, and only then."""

    def __init__(self, pool: asyncpg.Pool, *, most_listeners: int = MOST_LISTENERS) -> None:
        self._pool = pool
        self._most_listeners = most_listeners
        # Weak: a connection that vanished before its stream began leaves nothing behind.
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        self._polling: asyncio.Task[None] | None = None
        self._is_open = True

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, key: CustomerKey, device_id: UUID, after_seq: int) -> Listener:
        """A new listener, told what follows `after_seq`; TooMany beyond what a worker can serve."""
        of_customer = sum(listener.key == key for listener in self._listeners)
        if not self._is_open or len(self) >= self._most_listeners or of_customer >= MOST_PER_CUSTOMER:
            raise TooMany(
                "Too many live streams are open.",
                retry_after_s=_TRY_AGAIN_AFTER_S,
                code="too_many_live_streams",
            )
        listener = Listener(key, device_id, after_seq)
        self._listeners.add(listener)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll_while_needed())
        return listener

    def leave(self, listener: Listener) -> None:
        listener.close()
        self._listeners.discard(listener)

    async def close(self) -> None:
        """End every stream and the poll."""
        self._is_open = False
        for listener in list(self._listeners):
            self.leave(listener)
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def poll(self) -> None:
        """One round: end the streams of revoked phones, hand over, queue."""
        listeners = [listener for listener in self._listeners if listener.has_room]
        async with self._pool.acquire() as connection:
            await self._part_from_revoked(connection, listeners)
            rows = await _read_waiting(connection, listeners)
            sendable = await _hand_over_of(connection, rows)
        by_customer: dict[CustomerKey, list[Listener]] = {}
        for listener in listeners:
            by_customer.setdefault(listener.key, []).append(listener)
        for row in sendable:
            delivery = delivered(row)
            for listener in by_customer[CustomerKey(row["bucket"], row["customer_id"])]:
                listener.send(delivery)

    async def _poll_while_needed(self) -> None:
        while len(self):
            try:
                await self.poll()
                await asyncio.sleep(POLL_EVERY_S)
            except Exception as error:  # noqa: BLE001 - streams outlive a restart of the database
                _log.warning("live_poll_failed", error=type(error).__name__)
                await asyncio.sleep(_AFTER_A_FAILURE_S)

    async def _part_from_revoked(self, connection: asyncpg.Connection, listeners: Sequence[Listener]) -> None:
        buckets = [listener.key.bucket for listener in listeners]
        devices = [listener.device_id for listener in listeners]
        gone = {row["device_id"] for row in await connection.fetch(_GONE, buckets, devices)}
        for listener in listeners:
            if listener.device_id in gone:
                self.leave(listener)


async def _read_waiting(
    connection: asyncpg.Connection, listeners: Iterable[Listener]
) -> list[asyncpg.Record]:
    """What follows the least advanced listener of each customer, ascending by customer and seq."""
    after: dict[CustomerKey, int] = {}
    room: dict[CustomerKey, int] = {}
    for listener in listeners:
        if not listener.is_closed:
            after[listener.key] = min(after.get(listener.key, listener.sent_seq), listener.sent_seq)
            room[listener.key] = min(room.get(listener.key, QUEUE_LENGTH), listener.room)
    if not after:
        return []
    now = await connection.fetchval(_NOW)
    buckets, customers = [key.bucket for key in after], [key.customer_id for key in after]
    rows: list[asyncpg.Record] = await connection.fetch(
        _WAITING, now, buckets, customers, list(after.values()), list(room.values())
    )
    return rows


async def _hand_over_of(
    connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]
) -> list[asyncpg.Record]:
    """The rows that may be told now, in order; a customer's first that may not holds up the rest."""
    fresh = [row for row in rows if row["handed_at"] is None]
    handed: set[UUID] = set()
    if fresh:
        wanted = sorted({CustomerKey(row["bucket"], row["customer_id"]) for row in fresh})
        async with connection.transaction():
            locked = await connection.fetch(
                _LOCK, [key.bucket for key in wanted], [key.customer_id for key in wanted]
            )
            keys = [CustomerKey(row["bucket"], row["customer_id"]) for row in locked]
            now = await connection.fetchval(_NOW)
            handed = await hand_over(connection, keys, [row["delivery_id"] for row in fresh], now)
    return _in_order(rows, handed)


def _in_order(rows: Sequence[asyncpg.Record], handed: set[UUID]) -> list[asyncpg.Record]:
    told: list[asyncpg.Record] = []
    held_up: set[UUID] = set()
    for row in rows:
        if row["handed_at"] is None and row["delivery_id"] not in handed:
            held_up.add(row["customer_id"])
        elif row["customer_id"] not in held_up:
            told.append(row)
    return told
