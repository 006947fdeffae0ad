"""Phones that walk and report through every crash, and remember each answer they were given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.concurrency.asking import Answer, Client, report_of
from tests.concurrency.street import Shop, walk_past
from tests.world import Phone

ASKS_AGAIN_EVERY = 4


@dataclass
class Walker:
    """One phone: shop after shop, each report sent until it is acknowledged."""

    phone: Phone
    fixes: Sequence[dict[str, Any]]
    answers: list[Answer] = field(default_factory=list)

    async def reports(self, client: Client) -> None:
        """The next fix; now and then once more, as a phone does that missed the answer."""
        fix = self.fixes[len(self.answers)]
        answer = await self._sends(client, fix)
        self.answers.append(answer)
        if len(self.answers) % ASKS_AGAIN_EVERY == 0:
            await self.asks_again(client)

    async def asks_again(self, client: Client) -> None:
        """Whoever sends the last report again gets the last answer again, in every word."""
        last = self.answers[-1]
        again = await self._sends(client, self.fixes[len(self.answers) - 1])
        assert again.body == last.body

    async def _sends(self, client: Client, fix: dict[str, Any]) -> Answer:
        answer = await client.persist("POST", "/v1/fixes", self.phone.token, report_of(fix))
        assert answer.status == 200, answer.raw
        return answer


class Walkers:
    """All phones of some customers on one street."""

    def __init__(self, client: Client, people: Sequence[Sequence[Phone]], shops: Sequence[Shop]) -> None:
        self.people = people
        self.shops = shops
        self.of_phone = {
            phone.device_id: Walker(phone, walk_past(shops)) for phones in people for phone in phones
        }
        self._client = client
        self._is_over = False
        self._acknowledged = 0
        self._progress = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def walking(self) -> AsyncIterator[None]:
        """Everybody walks during the block; at its end everybody has an answer to their last report."""
        async with asyncio.TaskGroup() as group:
            for walker in self.of_phone.values():
                group.create_task(self._walk(walker))
            yield
            self._is_over = True

    async def acknowledge(self, more: int) -> None:
        """Return when so many more reports have been answered, somewhere in the middle of others."""
        wanted = self._acknowledged + more
        async with self._progress:
            await self._progress.wait_for(lambda: self._acknowledged >= wanted)

    async def ask_for_their_last_answer_again(self) -> None:
        await asyncio.gather(*(walker.asks_again(self._client) for walker in self.of_phone.values()))

    async def _walk(self, walker: Walker) -> None:
        while not self._is_over:
            assert len(walker.answers) < len(walker.fixes), "the street is too short for this test"
            await walker.reports(self._client)
            async with self._progress:
                self._acknowledged += 1
                self._progress.notify_all()
