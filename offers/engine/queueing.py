"""Work that waits for its flush, and whose turn it is.

Owns the order within one queue. Which queues there are, and their bounds, belong to the batcher.
"""

import asyncio
from collections import deque

import msgspec

from geo.errors import AlentourError
from offers.engine.work import Sent, Work


class Waiting(msgspec.Struct):
    """One piece of work and whoever waits for its outcome."""

    work: Work
    done: asyncio.Future[bytes | None]
    fixes: int
    size_bytes: int
    arrived_at: float
    misses: int = 0

    def tell(self, outcome: bytes | AlentourError | None) -> None:
        if self.done.done():  # whoever asked has gone
            return
        if isinstance(outcome, AlentourError):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Turn:
    """What one flush takes: up to `room` fixes, at most one request of a phone, so that all get a turn.

    With `one_bucket`, only work of the same bucket as the first.
    """

    def __init__(self, room: int, *, one_bucket: bool = False) -> None:
        self.batch: list[Waiting] = []
        self._room = room
        self._one_bucket = one_bucket
        self._phones: set[bytes] = set()

    def take_from(self, queue: deque[Waiting]) -> None:
        """Take from the front; what has to wait for a later turn stays, in order."""
        later: list[Waiting] = []
        while queue and self._room > 0:
            waiting = queue.popleft()
            work = waiting.work
            is_second = isinstance(work, Sent) and work.token_hash in self._phones
            if is_second or (self._one_bucket and self.batch and work.bucket != self.batch[0].work.bucket):
                later.append(waiting)
            elif waiting.fixes > self._room and self.batch:
                later.append(waiting)
                break
            else:
                if isinstance(work, Sent):
                    self._phones.add(work.token_hash)
                self._room -= waiting.fixes
                self.batch.append(waiting)
        queue.extendleft(reversed(later))
