"""The reconciler: comes back to payments and refunds that a crash or a silence left open.

It finds what is due to be looked at and lets the cashier settle it: at most so many at a time, a few at once,
one failure holding up no other. By machine time, on a simulated clock too: providers do not follow it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from offers.buckets import BUCKETS
from offers.payments.cashier import Cashier
from offers.people.keys import CustomerKey

EVERY_S: Final = 2.0
AT_MOST: Final = 50
AT_ONCE: Final = 4

_DUE_PAYMENTS: Final = """
    SELECT bucket, customer_id, payment_id FROM payments
    WHERE bucket = ANY($1::smallint[]) AND look_at <= clock_timestamp() ORDER BY look_at LIMIT $2
"""
_DUE_REFUNDS: Final = """
    SELECT bucket, customer_id, refund_id FROM refunds
    WHERE bucket = ANY($1::smallint[]) AND look_at <= clock_timestamp() ORDER BY look_at LIMIT $2
"""
_BUCKETS: Final = list(range(BUCKETS))

_log: Final = structlog.get_logger("alentour.payments")


class Reconciled(NamedTuple):
    """How many of each were looked at."""

    payments: int
    refunds: int


async def keep_reconciling(pool: asyncpg.Pool, cashier: Cashier) -> None:
    """Every other second, until cancelled. Any number of workers may."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await reconcile_now(pool, cashier)
        except Exception as error:  # noqa: BLE001 - the next round tries again; a dead task never
            _log.warning("reconciling_failed", error=type(error).__name__)


async def reconcile_now(pool: asyncpg.Pool, cashier: Cashier, at_most: int = AT_MOST) -> Reconciled:
    """Settle what is due now, at most so many payments and so many refunds."""
    payments = await pool.fetch(_DUE_PAYMENTS, _BUCKETS, at_most)
    refunds = await pool.fetch(_DUE_REFUNDS, _BUCKETS, at_most)
    room = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(
        *(_attempt(room, cashier.settle, row) for row in payments),
        *(_attempt(room, cashier.settle_refund, row) for row in refunds),
    )
    return Reconciled(len(payments), len(refunds))


async def _attempt(
    room: asyncio.Semaphore, settle: Callable[[CustomerKey, UUID], Awaitable[object]], row: asyncpg.Record
) -> None:
    bucket, customer_id, id_ = row
    async with room:
        try:
            await settle(CustomerKey(bucket, customer_id), id_)
        except Exception as error:  # noqa: BLE001 - one that cannot be settled holds up no other
            _log.warning("reconciling_failed", error=type(error).__name__)
