"""Customers whom somebody else holds locked whenever a flush comes by: a lane for each.

In its lane a customer's work waits for the lock, all of it together, so that a burst of one customer
costs as many transactions as it has requests of one phone, not as many as it has requests. Only a few
lanes wait at a time: whoever waits holds a connection.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from offers.engine.queueing import Turn, Waiting
from offers.engine.work import Skipped

WAITING_AT_ONCE: Final = 2
LONGEST_IN_QUEUE_S: Final = 10.0

Missed = list[tuple[Waiting, Skipped]]


class Lanes:
    """The lanes of one worker. `flush` waits, briefly, for locks; `give_up` tells who waited too long."""

    def __init__(
        self,
        flush: Callable[[Sequence[Waiting]], Awaitable[Missed]],
        give_up: Callable[[Waiting], None],
        *,
        flush_fixes: int,
    ) -> None:
        self._flush = flush
        self._give_up = give_up
        self._flush_fixes = flush_fixes
        self._lanes: dict[UUID | int, deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(WAITING_AT_ONCE)

    def __len__(self) -> int:
        return len(self._lanes)

    def has(self, customer_id: UUID | None) -> bool:
        return customer_id in self._lanes

    def queued(self, customer_id: UUID) -> int:
        """How many requests of a customer wait for a later turn than the one that is under way."""
        return len(self._lanes.get(customer_id, ()))

    def add(self, waiting: Waiting, customer_id: UUID | None) -> None:
        """Queue it behind the customer's other work; a lane of its own where the customer is not known."""
        name = id(waiting) if customer_id is None else customer_id
        lane = self._lanes.get(name)
        if lane is not None:
            lane.append(waiting)
            return
        self._lanes[name] = deque([waiting])
        task = asyncio.create_task(self._run(name), name="lane")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, name: UUID | int) -> None:
        lane = self._lanes[name]
        while lane:
            async with self._room:
                self._part_from_late(lane)
                turn = Turn(self._flush_fixes)
                turn.take_from(lane)
                missed = await self._flush(turn.batch) if turn.batch else []
            lane.extendleft(waiting for waiting, _ in reversed(missed))
        del self._lanes[name]

    def _part_from_late(self, lane: deque[Waiting]) -> None:
        now = time.monotonic()
        while lane and now - lane[0].arrived_at > LONGEST_IN_QUEUE_S:
            self._give_up(lane.popleft())
