"""What happens to stays because time passes: drivers are reminded, and stays end.

By the domain's clock, one customer after the other under their lock. Every worker sweeps: a stay that another
one has seen to by then has nothing due any more. Also what nobody needs longer than a moment: quotes, stays
that never began, and what erased customers left parked.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from offers.buckets import BUCKETS
from offers.parking import stays
from offers.parking.prompts import prompt, settle_prompts
from offers.parking.rights import forget_nobodys
from offers.parking.sessions import change_stay, due_sessions_of, read_session
from offers.people.customers import Gone, lock_customers
from offers.people.keys import CustomerKey

EVERY_S: Final = 1.0
AT_ONCE: Final = 500
FORGET_EVERY_S: Final = 3_600.0
# A phone that lost an answer asks again within a day, and finds what became of it.
QUOTES_KEPT: Final = timedelta(days=1)

_ALL_BUCKETS: Final = list(range(BUCKETS))
_NOW: Final = "SELECT alentour_now()"
_DUE: Final = """
    SELECT DISTINCT bucket, customer_id FROM (
        SELECT bucket, customer_id FROM parking_sessions
        WHERE bucket = ANY($1::smallint[]) AND due_at <= $2 ORDER BY due_at LIMIT $3) AS due
    ORDER BY bucket, customer_id
"""
_FORGET_QUOTES: Final = "DELETE FROM parking_quotes WHERE bucket = $1 AND expires_at < $2"
_FORGET_DROPPED: Final = """
    DELETE FROM parking_sessions WHERE bucket = $1 AND state = 'dropped' AND created_at < $2
"""

_log: Final = structlog.get_logger("alentour.parking")


async def watch_stays(pool: asyncpg.Pool) -> None:
    """Look every second, until cancelled."""
    loop = asyncio.get_running_loop()
    forgotten_at = loop.time()
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await do_all_due(pool)
            if loop.time() - forgotten_at > FORGET_EVERY_S:
                forgotten_at = loop.time()
                await forget_unused(pool)
        except Exception as error:  # noqa: BLE001 - the next round tries again; a dead one never
            _log.warning("stays_not_watched", error=type(error).__name__)


async def do_all_due(pool: asyncpg.Pool) -> int:
    """Do all that is due now; of how many customers. What fails is left for the next round."""
    now: datetime = await pool.fetchval(_NOW)
    seen: set[CustomerKey] = set()
    while True:
        rows = await pool.fetch(_DUE, _ALL_BUCKETS, now, AT_ONCE + len(seen))
        due = [key for key in (CustomerKey(*row) for row in rows) if key not in seen]
        if not due:
            return len(seen)
        for key in due:
            await _attempt(pool, key)
        seen.update(due)


async def do_due(connection: asyncpg.Connection, key: CustomerKey, now: datetime) -> None:
    """What is due to this customer, who is locked, at `now`, the time under the lock."""
    for session_id in await due_sessions_of(connection, key, now):
        session = await read_session(connection, key, session_id)
        stay = session.stay
        if stays.reminder_due(stay, now):
            ends_at = stay.ends_at
            await prompt(
                connection,
                key,
                "ending",
                zone_ids=[session.zone_id],
                now=now,
                session_id=session_id,
                ends_at=ends_at,
                expires_at=ends_at,
            )
            stay = stays.reminded(stay)
        ended = stays.expired(stay, now)
        await change_stay(connection, session, ended, now)
        if ended.state == "ended":
            await settle_prompts(connection, key, session_id=session_id, zone_id=session.zone_id, now=now)


async def forget_unused(pool: asyncpg.Pool) -> None:
    """Old quotes, stays that never began, and rights whose customers are gone, bucket by bucket."""
    now: datetime = await pool.fetchval(_NOW)
    for bucket in _ALL_BUCKETS:
        await pool.execute(_FORGET_QUOTES, bucket, now - QUOTES_KEPT)
        await pool.execute(_FORGET_DROPPED, bucket, now - QUOTES_KEPT)
        await forget_nobodys(pool, bucket, now)


async def _attempt(pool: asyncpg.Pool, key: CustomerKey) -> None:
    try:
        async with pool.acquire() as connection, connection.transaction():
            await do_due(connection, key, await lock_customers(connection, key))
    except Gone:
        return
    except Exception as error:  # noqa: BLE001 - one customer's rows hold up nobody else's
        _log.warning("stay_not_watched", error=type(error).__name__)
