"""Stays on simulated time, over HTTP: `advance` answers when drivers are reminded and stays have ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx

from api.auth import create_admin_key
from tests.http.kerbs import Kerb
from tests.http.phones import new_phone
from tests.serving import StartServer


async def test_time_that_is_advanced_reminds_drivers_and_ends_their_stays(
    start_server: StartServer, database_url: str, pool: asyncpg.Pool
) -> None:
    server = start_server(database_url, clock="simulated")
    admin = {"authorization": f"Bearer {await create_admin_key(pool)}"}

    async def advances(minutes: int) -> None:
        answer = await http.post("/v1/clock/advance", json={"seconds": 60 * minutes}, headers=admin)
        assert answer.status_code == 200, answer.text

    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        kerb = await Kerb(http, pool).opens()
        phone = await new_phone(http, country="FR")
        session = await kerb.parks(phone)
        path = f"/v1/parking/sessions/{session['session_id']}"

        async def prompts() -> list[dict[str, Any]]:
            told: list[dict[str, Any]] = (await phone.get("/v1/inbox")).json()["parking_prompts"]
            return told

        await advances(49)
        assert await prompts() == []
        await advances(2)
        [told] = await prompts()
        assert (told["kind"], told["session_id"], told["ends_at"]) == (
            "ending",
            session["session_id"],
            session["ends_at"],
        )
        longer = await kerb.extends(phone, session, duration_min=30)
        assert await prompts() == []
        assert [one["kind"] for one in await prompts()] == []
        # A step over the reminder and the end: each is told in its time.
        await advances(120)
        ended = (await phone.get(path)).json()
        assert (ended["state"], ended["ended_because"]) == ("ended", "expired")
        assert ended["ended_at"] == longer.json()["ends_at"]
        asked = await pool.fetch("SELECT ends_at, asked_at FROM parking_prompts ORDER BY ends_at")
        assert [row["ends_at"] - row["asked_at"] <= timedelta(minutes=10) for row in asked] == [True, True]
        assert all(row["asked_at"] < row["ends_at"] for row in asked)
        assert asked[1]["ends_at"] == datetime.fromisoformat(longer.json()["ends_at"])


async def test_who_joins_another_phone_still_stops_what_they_began(
    start_server: StartServer, database_url: str, pool: asyncpg.Pool
) -> None:
    server = start_server(database_url)
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
        kerb = await Kerb(http, pool).opens()
        phone, first = await new_phone(http, country="FR"), await new_phone(http, country="FR")
        session = await kerb.parks(phone)
        code = (await first.post("/v1/me/link-codes")).json()
        joined = await new_phone(http, installation_id=phone.installation_id, link_code=code["code"])
        assert (await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")).status_code == 200
        for one in (joined, first):
            [listed] = (await one.get("/v1/parking/sessions")).json()["items"]
            assert listed["session_id"] == session["session_id"]
        longer = await kerb.extends(joined, session, duration_min=15)
        assert longer.status_code == 200, longer.text
        ended = await first.post(f"/v1/parking/sessions/{session['session_id']}/stop")
        assert (ended.status_code, ended.json()["given_back_minor"]) == (200, 200)
