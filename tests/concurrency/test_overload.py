"""More fixes than there is room for: refused at once, with a time to come back; the rest is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import asyncpg

from tests.concurrency.asking import GENEROUS, Answer, Client, fix_at, report_of
from tests.serving import StartServer
from tests.world import Phone, World

ROOM, PHONES, FIXES_EACH = 100, 120, 5


async def test_beyond_its_room_a_queue_refuses_and_what_it_took_is_answered(
    database_url: str, pool: asyncpg.Pool, start_server: StartServer
) -> None:
    world = World(pool)
    phones = [await world.phone(await world.customer()) for _ in range(PHONES)]
    server = start_server(database_url, environ={"ALENTOUR_QUEUE_FIXES": str(ROOM)})
    async with aiohttp.ClientSession(timeout=GENEROUS, connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = _Crowd(Client(http, server.url, longest_wait_s=0.1))
        async with pool.acquire() as holder, holder.transaction():
            await holder.execute("LOCK TABLE device_states IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(crowd.asks(phone)) for phone in phones]
            await crowd.until_refused(PHONES - ROOM // FIXES_EACH)
            assert Counter(answer.status for answer in crowd.answers) == {429: PHONES - ROOM // FIXES_EACH}
        await asyncio.gather(*asked)
        assert Counter(answer.status for answer in crowd.answers) == {
            200: ROOM // FIXES_EACH,
            429: PHONES - ROOM // FIXES_EACH,
        }
        refused = [answer for answer in crowd.answers if answer.status == 429]
        assert {answer.code for answer in refused} == {"overloaded"}
        waits = {int(answer.headers["retry-after"]) for answer in refused}
        assert waits <= {2, 3}
        assert len(waits) > 1, "everybody would come back at the same moment"
        again = await asyncio.gather(*(crowd.comes_back(phone) for phone in phones))
        assert {fix["status"] for answer in again for fix in answer.body["fixes"]} == {"accepted"}
    stored = "SELECT count(*) FROM device_states WHERE state IS NOT NULL"
    assert await pool.fetchval(stored) == PHONES


class _Crowd:
    """Phones with several fixes each, and the answers they got so far."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changed = asyncio.Condition()
        self.answers: list[Answer] = []

    async def asks(self, phone: Phone) -> None:
        answer = await self._client.ask("POST", "/v1/fixes", phone.token, _fixes_of(phone))
        async with self._changed:
            self.answers.append(answer)
            self._changed.notify_all()

    async def until_refused(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.answers) >= count)

    async def comes_back(self, phone: Phone) -> Answer:
        """With the same fixes: whoever was answered before gets the same answer again."""
        return await self._client.settle("POST", "/v1/fixes", phone.token, _fixes_of(phone))


def _fixes_of(phone: Phone) -> dict[str, Any]:
    return report_of(
        *(
            fix_at(0, before_s=FIXES_EACH - number, fix_id=f"{phone.device_id}-{number}")
            for number in range(FIXES_EACH)
        )
    )
