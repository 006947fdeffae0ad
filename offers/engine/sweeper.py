"""What happens because time passes: timers, held offers, lapsed consents, counts, leases, forgetting.

Every worker sweeps. Due timers and held offers are only read here, never claimed: each goes through the
batcher, whose flush locks the customer and finds it gone if another worker was first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from offers.buckets import BUCKETS
from offers.engine.batcher import Batcher
from offers.engine.leases import Leases
from offers.engine.releases import release_never_claimed, release_never_handed
from offers.engine.retention import forget
from offers.engine.work import Due, LetGo
from offers.people.lapses import LapseSweep

SWEEP_EVERY_S: Final = 1.0
SLOWLY_EVERY_S: Final = 10.0
FORGET_EVERY_S: Final = 3_600.0
AT_ONCE: Final = 500

_ALL_BUCKETS: Final = list(range(BUCKETS))

_DUE: Final = """
SELECT bucket, device_id, fence_id FROM timers
WHERE bucket = ANY($1::smallint[]) AND due_at <= $2
ORDER BY due_at LIMIT $3
"""

# One piece of work for a customer: all that is due for them is decided together.
_HELD: Final = """
SELECT DISTINCT ON (bucket, customer_id) bucket, device_id, customer_id FROM held_offers
WHERE bucket = ANY($1::smallint[]) AND due_at <= $2
ORDER BY bucket, customer_id, due_at LIMIT $3
"""

_NOW: Final = "SELECT alentour_now()"

_FOLD: Final = """
WITH counted AS (
    DELETE FROM decision_counts c
    USING (SELECT bucket, count_id, offer_id, fence_id, moment, outcome, hour FROM decision_counts
           WHERE bucket = $1 LIMIT 5000 FOR UPDATE SKIP LOCKED) d
    WHERE c.bucket = d.bucket AND c.count_id = d.count_id AND c.offer_id = d.offer_id
      AND c.fence_id = d.fence_id AND c.moment = d.moment AND c.outcome = d.outcome AND c.hour = d.hour
    RETURNING c.offer_id, c.fence_id, c.moment, c.outcome, c.hour, c.n
)
INSERT INTO decision_totals (offer_id, hour, fence_id, moment, outcome, n)
SELECT offer_id, hour, fence_id, moment, outcome, sum(n) FROM counted
GROUP BY offer_id, hour, fence_id, moment, outcome
ORDER BY offer_id, hour, fence_id, moment, outcome
ON CONFLICT (offer_id, hour, fence_id, moment, outcome) DO UPDATE SET n = decision_totals.n + excluded.n
"""

_log: Final = structlog.get_logger("alentour.sweeper")


class Sweeper:
    """The periodic work of one worker."""

    def __init__(self, pool: asyncpg.Pool, batcher: Batcher, leases: Leases) -> None:
        self._pool = pool
        self._batcher = batcher
        self._leases = leases
        self.lapses = LapseSweep(pool)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(_every(SWEEP_EVERY_S, self.fire_due), name="sweeper"),
            asyncio.create_task(_every(SLOWLY_EVERY_S, self._tidy), name="tidier"),
            asyncio.create_task(_every(FORGET_EVERY_S, self._forget), name="forgetter"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fire_due(self) -> int:
        """Fire every timer and let go all that is due now; how many. Returns when none is left.

        What fails is told to the log and left for the next sweep: it holds up nothing else.
        """
        fired = 0
        failed: set[tuple[UUID, int | UUID]] = set()
        while due := [one for one in await self._due(len(failed)) if _name(one) not in failed]:
            outcomes = await asyncio.gather(
                *(self._batcher.submit(one) for one in due), return_exceptions=True
            )
            for one, outcome in zip(due, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    failed.add(_name(one))
                    _log.warning("timer_failed", error=type(outcome).__name__)
                else:
                    fired += 1
        return fired

    async def _due(self, failed: int) -> list[Due | LetGo]:
        async with self._pool.acquire() as connection:
            now = await connection.fetchval(_NOW)
            timers = await connection.fetch(_DUE, _ALL_BUCKETS, now, AT_ONCE + failed)
            held = await connection.fetch(_HELD, _ALL_BUCKETS, now, AT_ONCE + failed)
        return [
            *(Due(row["bucket"], row["device_id"], row["fence_id"]) for row in timers),
            *(LetGo(row["bucket"], row["device_id"], row["customer_id"]) for row in held),
        ]

    async def _tidy(self) -> None:
        await self._leases.return_expired()
        await self.lapses.sweep()
        for bucket in _ALL_BUCKETS:
            await release_never_handed(self._pool, bucket)
            async with self._pool.acquire() as connection:
                await connection.execute(_FOLD, bucket)

    async def _forget(self) -> None:
        for bucket in _ALL_BUCKETS:
            await release_never_claimed(self._pool, bucket)
        await forget(self._pool)


def _name(due: Due | LetGo) -> tuple[UUID, int | UUID]:
    return due.device_id, due.fence_id if isinstance(due, Due) else due.customer_id


async def _every(seconds: float, do: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await do()
        except Exception as error:  # noqa: BLE001 - the next round tries again; a dead one never
            _log.warning("sweep_failed", error=type(error).__name__)
