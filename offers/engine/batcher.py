"""Group commit: whatever arrived while the last flush ran joins the next one. No timer.

Owns the queue and its bounds, and whose turn it is. Shared flushes run one after the other and skip
customers whom somebody else holds; who was skipped in three of them waits for the lock in a lane of
the customer's own (`offers.engine.lanes`).
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from geo.errors import AlentourError, TooMany
from offers.engine.lanes import LONGEST_IN_QUEUE_S, Lanes, Missed
from offers.engine.queueing import Turn, Waiting
from offers.engine.work import Outcome, Sent, Skipped, Work
from offers.observer import Observer

BACKLOG_AFTER_S: Final = 120.0
MISSES: Final = 3
# A phone sends one request after the other; more at once is a fault, and must not fill the queue.
MOST_OF_ONE_PHONE: Final = 50
PAUSE_WHEN_ALL_LOCKED_S: Final = 0.005

Flush = Callable[..., Awaitable[list[Outcome]]]

_log: Final = structlog.get_logger("alentour.batcher")


class Batcher:
    """The queue of one worker. `flush(work, wait=…)` is asked with up to `flush_fixes` fixes."""

    def __init__(
        self,
        flush: Flush,
        observer: Observer,
        *,
        most_fixes: int,
        most_bytes: int,
        flush_fixes: int,
        one_bucket: bool = False,
        chance: random.Random | None = None,
    ) -> None:
        self._flush = flush
        self._observer = observer
        self._most_fixes = most_fixes
        self._most_bytes = most_bytes
        self._flush_fixes = flush_fixes
        self._one_bucket = one_bucket
        self._chance = chance or random.SystemRandom()
        self._live: deque[Waiting] = deque()
        self._backlog: deque[Waiting] = deque()
        self._queued_fixes = 0
        self._queued_bytes = 0
        self._queued_of_phone: Counter[bytes] = Counter()
        self._arrival = asyncio.Event()
        self._lanes = Lanes(self._flush_lane, self._give_up, flush_fixes=flush_fixes)
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="batcher")

    async def stop(self) -> None:
        """Let what is queued finish, within `LONGEST_IN_QUEUE_S`."""
        deadline = time.monotonic() + LONGEST_IN_QUEUE_S
        while (self._queued_fixes or self._lanes) and time.monotonic() < deadline:  # noqa: ASYNC110 - at exit only
            await asyncio.sleep(0.01)
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    @property
    def queued_fixes(self) -> int:
        return self._queued_fixes

    def submit(self, work: Work, size_bytes: int = 0) -> asyncio.Future[bytes | None]:
        """Queue work; the future ends with its answer, or with the error to tell. Raises TooMany."""
        fixes = len(work.fixes) if isinstance(work, Sent) else 1
        if (
            self._queued_fixes + fixes > self._most_fixes
            or self._queued_bytes + size_bytes > self._most_bytes
        ):
            raise self.too_many()
        arrived_at = time.monotonic()
        if isinstance(work, Sent):
            if self._queued_of_phone[work.token_hash] >= MOST_OF_ONE_PHONE:
                raise self.too_many()
            self._queued_of_phone[work.token_hash] += 1
            work.arrived_at = arrived_at
        waiting = Waiting(work, asyncio.get_running_loop().create_future(), fixes, size_bytes, arrived_at)
        self._queued_fixes += fixes
        self._queued_bytes += size_bytes
        (self._backlog if _is_backlog(work) else self._live).append(waiting)
        self._arrival.set()
        return waiting.done

    def too_many(self) -> TooMany:
        """Come back in one to three seconds: jittered, so that not everybody comes back at once."""
        return TooMany(
            "More fixes are waiting than can be dealt with.",
            retry_after_s=1.0 + 2.0 * self._chance.random(),
            code="overloaded",
        )

    async def _run(self) -> None:
        while True:
            batch = self._take()
            if not batch:
                self._arrival.clear()
                await self._arrival.wait()
                # One turn of the loop, so that what arrived together is flushed together.
                await asyncio.sleep(0)
                continue
            self._observer.queued(self._queued_fixes)
            missed = await self._run_flush(batch, wait=False)
            self._requeue(missed)
            self._observer.queued(self._queued_fixes)
            if len(missed) == len(batch):
                await asyncio.sleep(PAUSE_WHEN_ALL_LOCKED_S)

    def _take(self) -> list[Waiting]:
        """The next flush: live work first."""
        turn = Turn(self._flush_fixes, one_bucket=self._one_bucket)
        turn.take_from(self._live)
        turn.take_from(self._backlog)
        return turn.batch

    async def _run_flush(self, batch: Sequence[Waiting], *, wait: bool) -> Missed:
        """Run one flush, tell everybody its outcome; what was skipped is returned."""
        started = time.monotonic()
        try:
            outcomes = await self._flush([waiting.work for waiting in batch], wait=wait)
        except Exception as error:  # noqa: BLE001 - told to everybody who waits, whatever it is
            _log.exception("flush_broke")
            outcomes = [_broken(error) for _ in batch]
        missed: Missed = []
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Skipped):
                missed.append((waiting, outcome))
            else:
                self._finish(waiting, outcome)
        self._observer.flushed(
            sum(waiting.fixes for waiting in batch) - sum(waiting.fixes for waiting, _ in missed),
            time.monotonic() - started,
        )
        return missed

    def _requeue(self, missed: Missed) -> None:
        again = []
        for waiting, skipped in missed:
            waiting.misses += 1
            if waiting.misses >= MISSES or self._lanes.has(skipped.customer_id):
                self._lanes.add(waiting, skipped.customer_id)
            else:
                again.append(waiting)
        self._live.extendleft(reversed(again))

    async def _flush_lane(self, batch: Sequence[Waiting]) -> Missed:
        return await self._run_flush(batch, wait=True)

    def _give_up(self, waiting: Waiting) -> None:
        self._finish(waiting, self.too_many())

    def _finish(self, waiting: Waiting, outcome: bytes | AlentourError | None) -> None:
        self._queued_fixes -= waiting.fixes
        self._queued_bytes -= waiting.size_bytes
        if isinstance(waiting.work, Sent):
            self._leave(waiting.work.token_hash)
        waiting.tell(outcome)

    def _leave(self, phone: bytes) -> None:
        self._queued_of_phone[phone] -= 1
        if not self._queued_of_phone[phone]:
            del self._queued_of_phone[phone]


def _is_backlog(work: Work) -> bool:
    """Older than two minutes by the phone's own clock: it can wait for those who are here now."""
    return isinstance(work, Sent) and work.sent_at - work.fixes[-1].at > BACKLOG_AFTER_S


def _broken(error: Exception) -> AlentourError:
    return (
        error
        if isinstance(error, AlentourError)
        else AlentourError("This could not be dealt with.", code="internal_error")
    )
