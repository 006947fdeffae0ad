"""The live stream: one poll per worker for all its connected phones.

A delivery's `seq` is given under its customer's lock, so a later one never becomes visible before
an earlier one: whoever reads on from the last seq it was sent misses nothing and gets nothing
twice. The poll hands over under the customer's lock, as the inbox does, and skips customers who
are locked just now: they are read again a quarter of a second later, and nobody waits for them.

What is told is read once more under the lock, which is held until the stream took it; nothing is
kept for a phone that is not ready. So a withdrawal waits for what is under way, and nothing that it
cancels is told after it.

Previews (`offers.handing.previews`) and what drivers are asked (`offers.parking.prompts`) are shown besides,
once on each stream and for as long as they hold: they have no seq.

Owns the listeners. How an event looks on the wire belongs to the route.
"""

import asyncio
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from geo.errors import TooMany, Unavailable
from offers.engine.answers import Delivered
from offers.handing.inbox import DELIVERY_COLUMNS, STILL_HOLDS, delivered, hand_over
from offers.handing.previews import Preview, previews_on
from offers.parking.prompts import ParkingPrompt, prompts_in_force
from offers.people.keys import CustomerKey
from offers.people.lapses import lapse, read_now_and_last_lapse

POLL_EVERY_S: Final = 0.25
MOST_LISTENERS: Final = 1_000
MOST_PER_CUSTOMER: Final = 10
# A phone that does not read gets no more until it does; its rows wait in the table, not here.
MOST_AT_ONCE: Final = 50
_AFTER_A_FAILURE_S: Final = 1.0
# Taking is a step of the event loop: longer means that something is broken, and locks are held.
_TAKEN_WITHIN_S: Final = 2.0
_TRY_AGAIN_AFTER_S: Final = 10.0

_log = structlog.get_logger(__name__)

_NOW: Final = "SELECT alentour_now()"
_GONE: Final = """
    SELECT l.device_id FROM unnest($1::smallint[], $2::uuid[]) AS l(bucket, device_id)
    LEFT JOIN devices AS d ON d.bucket = l.bucket AND d.device_id = l.device_id
    WHERE d.status IS DISTINCT FROM 'active'
"""
_WAITING: Final = f"""
    SELECT w.bucket, w.customer_id, d.*
    FROM unnest($2::smallint[], $3::uuid[], $4::bigint[]) AS w(bucket, customer_id, after_seq)
    CROSS JOIN LATERAL (
        SELECT {DELIVERY_COLUMNS} FROM deliveries AS d
        WHERE d.bucket = w.bucket AND d.customer_id = w.customer_id AND d.seq > w.after_seq
          AND {STILL_HOLDS}
        ORDER BY d.seq LIMIT {MOST_AT_ONCE}
    ) AS d
    ORDER BY w.bucket, w.customer_id, d.seq
"""  # noqa: S608 - joined from constants of our own
_LOCK: Final = """
    SELECT c.bucket, c.customer_id FROM customers AS c
    JOIN unnest($1::smallint[], $2::uuid[]) AS w(bucket, customer_id)
      ON w.bucket = c.bucket AND w.customer_id = c.customer_id
    ORDER BY c.bucket, c.customer_id FOR NO KEY UPDATE OF c SKIP LOCKED
"""


Told = Delivered | Preview | ParkingPrompt


class Listener:
    """One connected phone. `sent_seq` is the last seq that its stream took."""

    def __init__(self, key: CustomerKey, device_id: UUID, after_seq: int) -> None:
        self.key = key
        self.device_id = device_id
        self.sent_seq = after_seq
        self.is_closed = False
        self._shown: set[UUID] = set()
        self._wanted: asyncio.Future[Sequence[Told]] | None = None
        self._has_taken = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether its stream waits for what comes next; one that is still writing does not."""
        return self._wanted is not None and not self._wanted.done()

    async def next(self, within_s: float) -> Sequence[Told]:
        """What comes next, in order; nothing when none came in time, or when the stream has ended.

        To be written before anything else is awaited: the customer is locked until the next step of
        the event loop, and from then on a withdrawal may be acknowledged.
        """
        if self.is_closed:
            return ()
        self._wanted = wanted = asyncio.get_running_loop().create_future()
        self._has_taken.clear()
        try:
            await asyncio.wait([wanted], timeout=within_s)
            told = wanted.result() if wanted.done() else ()
            for one in told:
                if isinstance(one, Delivered):
                    self.sent_seq = one.seq
                else:
                    self._shown.add(_id_of(one))
            return told
        finally:
            self._wanted = None
            self._has_taken.set()

    def tell(self, deliveries: Iterable[Delivered]) -> bool:
        """Give whoever waits those that were not sent before; whether there was anything to give."""
        unsent = [delivery for delivery in deliveries if delivery.seq > self.sent_seq]
        if not unsent or self._wanted is None or self._wanted.done():
            return False
        self._wanted.set_result(unsent)
        return True

    def show(self, shown: Iterable[Preview | ParkingPrompt]) -> None:
        """Give whoever waits those that were not shown on this stream yet."""
        fresh = [one for one in shown if _id_of(one) not in self._shown]
        if fresh and self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(fresh)

    async def takes(self) -> None:
        """Return once what was told is out of our hands."""
        await self._has_taken.wait()

    def close(self) -> None:
        self.is_closed = True
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(())


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
        """A new listener, told what follows `after_seq`.

        Raises TooMany beyond what a worker can serve, Unavailable when it is about to end.
        """
        if not self._is_open:
            raise Unavailable("This server is about to stop; connect again.", code="stopping")
        of_customer = sum(listener.key == key for listener in self._listeners)
        if len(self) >= self._most_listeners or of_customer >= MOST_PER_CUSTOMER:
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

    def end_streams(self) -> None:
        """End every stream and begin none."""
        self._is_open = False
        for listener in list(self._listeners):
            self.leave(listener)

    async def close(self) -> None:
        """End every stream and the poll."""
        self.end_streams()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)

    async def poll(self) -> None:
        """One round: end the streams of phones that are gone, hand over, tell those who are ready."""
        async with self._pool.acquire() as connection:
            await self._part_from_revoked(connection, list(self._listeners))
            ready = [listener for listener in self._listeners if listener.is_ready]
            waiting = await _read_waiting(connection, ready)
            if waiting:
                await _hand_over_fresh(connection, waiting)
                concerned = {_key_of(row) for row in waiting}
                await _tell(connection, [listener for listener in ready if listener.key in concerned])
            await self._show_besides(connection)

    async def _show_besides(self, connection: asyncpg.Connection) -> None:
        ready = [listener for listener in self._listeners if listener.is_ready]
        previews = await previews_on(connection, [(one.key.bucket, one.device_id) for one in ready])
        prompts = await prompts_in_force(connection, {one.key for one in ready})
        for listener in ready:
            on_phone = previews.get(listener.device_id, [])
            listener.show([*on_phone, *prompts.get(listener.key.customer_id, [])])

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
    for listener in listeners:
        after[listener.key] = min(after.get(listener.key, listener.sent_seq), listener.sent_seq)
    if not after:
        return []
    now = await connection.fetchval(_NOW)
    buckets, customers = [key.bucket for key in after], [key.customer_id for key in after]
    rows: list[asyncpg.Record] = await connection.fetch(
        _WAITING, now, buckets, customers, list(after.values())
    )
    return rows


async def _hand_over_fresh(connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Mark what no phone has as handed over, in a transaction of its own: nothing is told before a commit."""
    fresh = [row for row in rows if row["handed_at"] is None]
    if not fresh:
        return
    async with connection.transaction():
        locked = await _lock_free(connection, {_key_of(row) for row in fresh})
        now = await connection.fetchval(_NOW)
        await hand_over(connection, locked, [row["delivery_id"] for row in fresh], now)


async def _tell(connection: asyncpg.Connection, listeners: Sequence[Listener]) -> None:
    """Tell what was handed over and holds now, while the customers are locked."""
    async with connection.transaction():
        locked = set(await _lock_free(connection, {listener.key for listener in listeners}))
        listeners = [listener for listener in listeners if listener.key in locked]
        tellable = _tellable(await _read_waiting(connection, listeners))
        told = [listener for listener in listeners if listener.tell(tellable.get(listener.key, ()))]
        async with asyncio.timeout(_TAKEN_WITHIN_S):
            await asyncio.gather(*(listener.takes() for listener in told))


async def _lock_free(connection: asyncpg.Connection, keys: Collection[CustomerKey]) -> list[CustomerKey]:
    """Lock those of these customers whom nobody else has locked; what lapsed of theirs is undone first."""
    wanted = sorted(keys)
    rows = await connection.fetch(_LOCK, [key.bucket for key in wanted], [key.customer_id for key in wanted])
    locked = [_key_of(row) for row in rows]
    await lapse(connection, locked, *await read_now_and_last_lapse(connection))
    return locked


def _tellable(rows: Iterable[asyncpg.Record]) -> Mapping[CustomerKey, Sequence[Delivered]]:
    """Of each customer those before the first that was not handed over: else its seq would be passed."""
    tellable: dict[CustomerKey, list[Delivered]] = {}
    held_up: set[CustomerKey] = set()
    for row in rows:
        key = _key_of(row)
        if row["handed_at"] is None:
            held_up.add(key)
        elif key not in held_up:
            tellable.setdefault(key, []).append(delivered(row))
    return tellable


def _id_of(shown: Preview | ParkingPrompt) -> UUID:
    return shown.preview_id if isinstance(shown, Preview) else shown.prompt_id


def _key_of(row: asyncpg.Record) -> CustomerKey:
    return CustomerKey(row["bucket"], row["customer_id"])
