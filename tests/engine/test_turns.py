"""Whose work one flush takes."""

from __future__ import annotations

import asyncio
from collections import deque
from uuid import uuid4

import pytest

from offers.engine.queueing import Turn, Waiting
from offers.engine.work import Due, Sent
from tests.world import fix_at


async def queue_of(*buckets: int) -> deque[Waiting]:
    """Requests of as many phones, every other one a timer."""
    loop = asyncio.get_running_loop()
    return deque(
        Waiting(
            Sent(bucket, uuid4().bytes, 0.0, [fix_at(0, 0.0)]) if number % 2 else Due(bucket, uuid4(), 1),
            loop.create_future(),
            1,
            100,
            0.0,
        )
        for number, bucket in enumerate(buckets)
    )


@pytest.mark.parametrize(
    ("one_bucket", "taken", "left"), [(False, [7, 3, 7, 7, 3], []), (True, [7, 7, 7], [3, 3])]
)
async def test_a_flush_can_be_kept_to_one_bucket(one_bucket: bool, taken: list[int], left: list[int]) -> None:
    queue = await queue_of(7, 3, 7, 7, 3)
    turn = Turn(100, one_bucket=one_bucket)
    turn.take_from(queue)
    assert [waiting.work.bucket for waiting in turn.batch] == taken
    assert [waiting.work.bucket for waiting in queue] == left
