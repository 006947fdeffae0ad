"""What happens to stays because time passes: drivers are reminded, and stays end.

By the domain's clock, one customer after the other under their lock. Every worker sweeps: a stay that another
one has seen to by then has nothing due any more.
"""

import asyncio
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from offers.buckets import BUCKETS
from offers.parking import stays
from offers.parking.prompts import prompt, settle_prompts
from offers.parking.sessions import change_stay, due_sessions_of, read_session
from offers.people.customers import Gone, lock_customers
from offers.people.keys import CustomerKey

EVERY_S: Final = 1.0
AT_ONCE: Final = 500

_ALL_BUCKETS: Final = list(range(BUCKETS))
_NOW: Final = "SELECT alentour_now()"
_DUE: Final = """
    SELECT DISTINCT bucket, customer_id FROM (
        SELECT bucket, customer_id FROM parking_sessions
        WHERE bucket = ANY($1::smallint[]) AND due_at <= $2 ORDER BY due_at LIMIT $3) AS due
    ORDER BY bucket, customer_id
"""

_log: Final = structlog.get_logger("alentour.parking")


async def watch_stays(pool: asyncpg.Pool) -> None:
    """Look every second, until cancelled."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await do_all_due(pool)
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


async def _attempt(pool: asyncpg.Pool, key: CustomerKey) -> None:
    try:
        async with pool.acquire() as connection, connection.transaction():
            await do_due(connection, key, await lock_customers(connection, key))
    except Gone:
        return
    except Exception as error:  # noqa: BLE001 - one customer's rows hold up nobody else's
        _log.warning("stay_not_watched", error=type(error).__name__)
