"""Group commit: whatever arrived while the last flush ran joins the next one. No timer.

Owns the queue and its bounds, whose turn it is, and what to do with work whose customer was locked
by somebody else. One flush runs at a time, so a worker's flushes never share a customer; work that
missed three of them gets a flush of its own that waits, briefly, for the lock.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from geo.errors import AlentourError, TooMany
from offers.engine.work import Outcome, Sent, Skipped, Work
from offers.observer import Observer

BACKLOG_AFTER_S: Final = 120.0
MISSES: Final = 3
PAUSE_WHEN_ALL_LOCKED_S: Final = 0.005
LONGEST_IN_QUEUE_S: Final = 10.0

Flush = Callable[..., Awaitable[list[Outcome]]]

_log: Final = structlog.get_logger("alentour.batcher")


class Waiting(msgspec.Struct):
    """One piece of work and whoever waits for its outcome."""

    work: Work
    done: asyncio.Future[bytes | None]
    fixes: int
    size_bytes: int
    arrived_at: float
    misses: int = 0


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
        chance: random.Random | None = None,
    ) -> None:
        self._flush = flush
        self._observer = observer
        self._most_fixes = most_fixes
        self._most_bytes = most_bytes
        self._flush_fixes = flush_fixes
        self._chance = chance or random.SystemRandom()
        self._live: deque[Waiting] = deque()
        self._backlog: deque[Waiting] = deque()
        self._queued_fixes = 0
        self._queued_bytes = 0
        self._arrival = asyncio.Event()
        self._stuck: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="batcher")

    async def stop(self) -> None:
        """Let what is queued finish, within `LONGEST_IN_QUEUE_S`."""
        deadline = time.monotonic() + LONGEST_IN_QUEUE_S
        while (self._queued_fixes or self._stuck) and time.monotonic() < deadline:  # noqa: ASYNC110 - at exit only
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
        waiting = Waiting(
            work, asyncio.get_running_loop().create_future(), fixes, size_bytes, time.monotonic()
        )
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
            if len(missed) == len(batch):
                await asyncio.sleep(PAUSE_WHEN_ALL_LOCKED_S)

    def _take(self) -> list[Waiting]:
        """The next flush: live work first, at most one request of a phone, so that all get a turn."""
        batch: list[Waiting] = []
        phones: set[bytes] = set()
        room = self._flush_fixes
        for queue in (self._live, self._backlog):
            later: list[Waiting] = []
            while queue and room > 0:
                waiting = queue.popleft()
                work = waiting.work
                if isinstance(work, Sent) and work.token_hash in phones:
                    later.append(waiting)
                elif waiting.fixes > room and batch:
                    later.append(waiting)
                    break
                else:
                    if isinstance(work, Sent):
                        phones.add(work.token_hash)
                    room -= waiting.fixes
                    batch.append(waiting)
            queue.extendleft(reversed(later))
        return batch

    async def _run_flush(self, batch: Sequence[Waiting], *, wait: bool) -> list[Waiting]:
        """Run one flush, tell everybody its outcome; what was skipped is returned."""
        started = time.monotonic()
        try:
            outcomes = await self._flush([waiting.work for waiting in batch], wait=wait)
        except Exception as error:  # noqa: BLE001 - told to everybody who waits, whatever it is
            _log.exception("flush_broke")
            outcomes = [_broken(error) for _ in batch]
        missed = []
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Skipped):
                missed.append(waiting)
            else:
                self._finish(waiting, outcome)
        self._observer.flushed(
            sum(waiting.fixes for waiting in batch) - sum(waiting.fixes for waiting in missed),
            time.monotonic() - started,
        )
        return missed

    def _requeue(self, missed: Sequence[Waiting]) -> None:
        again = []
        for waiting in missed:
            waiting.misses += 1
            if waiting.misses >= MISSES:
                task = asyncio.create_task(self._wait_for_lock(waiting))
                self._stuck.add(task)
                task.add_done_callback(self._stuck.discard)
            else:
                again.append(waiting)
        self._live.extendleft(reversed(again))

    async def _wait_for_lock(self, waiting: Waiting) -> None:
        while time.monotonic() - waiting.arrived_at < LONGEST_IN_QUEUE_S:
            if not await self._run_flush([waiting], wait=True):
                return
        self._finish(waiting, self.too_many())

    def _finish(self, waiting: Waiting, outcome: bytes | AlentourError | None) -> None:
        self._queued_fixes -= waiting.fixes
        self._queued_bytes -= waiting.size_bytes
        if waiting.done.done():  # whoever asked has gone
            return
        if isinstance(outcome, AlentourError):
            waiting.done.set_exception(outcome)
        else:
            waiting.done.set_result(outcome)


def _is_backlog(work: Work) -> bool:
    """Older than two minutes by the phone's own clock: it can wait for those who are here now."""
    return isinstance(work, Sent) and work.sent_at - work.fixes[-1].at > BACKLOG_AFTER_S


def _broken(error: Exception) -> AlentourError:
    return (
        error
        if isinstance(error, AlentourError)
        else AlentourError("This could not be dealt with.", code="internal_error")
    )
