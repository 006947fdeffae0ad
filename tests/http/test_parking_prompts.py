"""What drivers are asked, as their phones read it: the list, the inbox, the stream, and a way to say no."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from offers.parking.prompts import prompt, settle_prompts
from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import Phone, code_of, new_phone

IN_AN_HOUR = timedelta(hours=1)


@pytest.fixture
async def phone(http) -> Phone:
    return await new_phone(http)


async def _asks(rows, phone: Phone, kind: str = "pay", **said: Any) -> str | None:
    key = CustomerKey(*phone.key)
    async with rows.acquire() as connection, connection.transaction():
        now = await lock_customers(connection, key)
        asked = await prompt(connection, key, kind, zone_ids=[3, 1], now=now, **said)
    return None if asked is None else str(asked.prompt_id)


async def _settles(rows, phone: Phone, *, session_id, zone_id: int) -> None:
    key = CustomerKey(*phone.key)
    async with rows.acquire() as connection, connection.transaction():
        now = await lock_customers(connection, key)
        await settle_prompts(connection, key, session_id=session_id, zone_id=zone_id, now=now)


async def _asked(phone: Phone) -> list[str]:
    return [one["prompt_id"] for one in (await phone.get("/v1/parking/prompts")).json()["items"]]


async def test_a_prompt_is_in_the_list_and_beside_the_first_page_of_the_inbox(rows, phone):
    prompt_id = await _asks(rows, phone)
    (listed,) = (await phone.get("/v1/parking/prompts")).json()["items"]
    assert (listed["prompt_id"], listed["kind"], listed["zone_ids"]) == (prompt_id, "pay", [3, 1])
    assert (await phone.get("/v1/inbox")).json()["parking_prompts"] == [listed]
    older = (await phone.get("/v1/inbox", params={"cursor": "NA"})).json()
    assert older["parking_prompts"] == []


async def test_it_comes_once_on_a_stream_and_again_on_the_next(rows, phone):
    prompt_id = await _asks(rows, phone)

    async def read_for(seconds: float) -> list[str]:
        lines: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(seconds),
                phone.http.stream("GET", "/v1/live", headers=phone.headers) as answer,
            ):
                async for line in answer.aiter_lines():
                    lines.append(line)  # noqa: PERF401 - what came before the time ran out is kept
        return [line for line in lines if line.startswith(("event", "data"))]

    for _ in range(2):
        event, data = await read_for(1.5)
        assert event == "event: parking"
        assert json.loads(data.removeprefix("data: "))["prompt_id"] == prompt_id


async def test_whoever_says_no_is_not_shown_it_again_on_any_phone(rows, http, phone):
    prompt_id = await _asks(rows, phone)
    for _ in range(2):
        assert (await phone.post(f"/v1/parking/prompts/{prompt_id}/dismiss")).status_code == 204
    assert await _asked(phone) == []


async def test_another_customers_prompt_is_not_there(rows, http, phone):
    prompt_id = await _asks(rows, phone)
    stranger = await new_phone(http)
    answer = await stranger.post(f"/v1/parking/prompts/{prompt_id}/dismiss")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert await _asked(phone) == [prompt_id]


async def test_what_is_over_is_not_shown(rows, phone):
    await _asks(rows, phone)
    await rows.execute(
        "UPDATE parking_prompts SET asked_at = asked_at - interval '31 min',"
        " expires_at = expires_at - interval '31 min' WHERE bucket = $1 AND customer_id = $2",
        *phone.key,
    )
    assert await _asked(phone) == []


async def test_the_same_of_the_same_session_is_asked_once(rows, phone):
    session_id, ends_at = uuid4(), datetime.now(UTC) + IN_AN_HOUR
    told = {"session_id": session_id, "ends_at": ends_at}
    assert await _asks(rows, phone, "ending", **told) is not None
    assert await _asks(rows, phone, "ending", **told) is None
    assert await _asks(rows, phone, "ending", session_id=session_id, ends_at=ends_at + IN_AN_HOUR) is not None
    assert await _asks(rows, phone, "stop", session_id=session_id) is not None
    assert await _asks(rows, phone, "stop", session_id=session_id) is None


async def test_a_session_answers_what_was_asked_about_it_and_its_zone(rows, phone):
    session_id = uuid4()
    await _asks(rows, phone, "stop", session_id=session_id)
    await _asks(rows, phone)
    other = await _asks(rows, phone, "stop", session_id=uuid4())
    await _settles(rows, phone, session_id=uuid4(), zone_id=2)
    assert len(await _asked(phone)) == 3
    await _settles(rows, phone, session_id=session_id, zone_id=1)
    assert await _asked(phone) == [other]
