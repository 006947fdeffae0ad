"""What happens because time passes: due timers, lapsed consents, counts to fold, leases, what to forget.

Every worker sweeps. Due timers are only read here, never claimed: each goes through the batcher,
whose flush locks the customer and finds the timer gone if another worker was first.
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
from offers.engine.retention import forget
from offers.engine.work import Due
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

_NOW: Final = "SELECT alentour_now()"

_FOLD: Final = """
WITH counted AS (
    DELETE FROM suppression_counts c
    USING (SELECT bucket, count_id, offer_id, reason, hour FROM suppression_counts
           WHERE bucket = $1 LIMIT 5000 FOR UPDATE SKIP LOCKED) d
    WHERE c.bucket = d.bucket AND c.count_id = d.count_id AND c.offer_id = d.offer_id
      AND c.reason = d.reason AND c.hour = d.hour
    RETURNING c.offer_id, c.reason, c.hour, c.n
)
INSERT INTO suppression_totals (offer_id, reason, hour, n)
SELECT offer_id, reason, hour, sum(n) FROM counted GROUP BY offer_id, reason, hour
ORDER BY offer_id, reason, hour
ON CONFLICT (offer_id, reason, hour) DO UPDATE SET n = suppression_totals.n + excluded.n
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
        """Fire every timer that is due now; how many were fired. Returns when none is left.

        A timer that fails is told to the log and left for the next sweep: it holds up no other.
        """
        fired = 0
        failed: set[tuple[UUID, int]] = set()
        while due := [
            one for one in await self._due(len(failed)) if (one.device_id, one.fence_id) not in failed
        ]:
            outcomes = await asyncio.gather(
                *(self._batcher.submit(timer) for timer in due), return_exceptions=True
            )
            for timer, outcome in zip(due, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    failed.add((timer.device_id, timer.fence_id))
                    _log.warning("timer_failed", error=type(outcome).__name__)
                else:
                    fired += 1
        return fired

    async def _due(self, failed: int) -> list[Due]:
        async with self._pool.acquire() as connection:
            now = await connection.fetchval(_NOW)
            rows = await connection.fetch(_DUE, _ALL_BUCKETS, now, AT_ONCE + failed)
        return [Due(row["bucket"], row["device_id"], row["fence_id"]) for row in rows]

    async def _tidy(self) -> None:
        await self._leases.return_expired()
        await self.lapses.sweep()
        for bucket in _ALL_BUCKETS:
            async with self._pool.acquire() as connection:
                await connection.execute(_FOLD, bucket)

    async def _forget(self) -> None:
        await forget(self._pool)


async def _every(seconds: float, do: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await do()
        except Exception as error:  # noqa: BLE001 - the next round tries again; a dead one never
            _log.warning("sweep_failed", error=type(error).__name__)
