"""Time comes from one place, and only admins of a simulated database move it, forwards."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
import pytest

from api.clock import ClockMode, read_clock, settle_mode
from geo.errors import InvalidInput
from tests.http.edge.asking import Client, HeadersOf, Open, code_of

Headers = dict[str, str]
NOON = "2026-07-01T12:00:00Z"


async def set_to(client: Client, admin: Headers, at: str) -> int:
    answer = await client.post("/v1/clock/set", headers=admin, json={"at": at})
    return answer.status_code


async def now_of(client: Client, admin: Headers) -> datetime:
    answer = await client.get("/v1/clock", headers=admin)
    return datetime.fromisoformat(answer.json()["now"])


async def test_normal_time_is_the_machines_and_nobody_moves_it(client: Client, admin: Headers) -> None:
    clock = (await client.get("/v1/clock", headers=admin)).json()
    assert clock["mode"] == "normal"
    assert clock["is_ticking"] is True
    for path, body in (("set", {"at": NOON}), ("advance", {"seconds": 1}), ("tick", {"ticking": True})):
        answer = await client.post(f"/v1/clock/{path}", headers=admin, json=body)
        assert answer.status_code == 409
        assert code_of(answer) == "clock_not_simulated"


async def test_simulated_time_stands_still_and_advances_when_told(simulated: Client, admin: Headers) -> None:
    assert await set_to(simulated, admin, NOON) == 200
    assert await now_of(simulated, admin) == datetime.fromisoformat(NOON)
    answer = await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 90.5})
    assert answer.json() == {"mode": "simulated", "now": "2026-07-01T12:01:30.500000Z", "is_ticking": False}


async def test_time_can_be_set_back_only_before_it_has_run(simulated: Client, admin: Headers) -> None:
    assert await set_to(simulated, admin, NOON) == 200
    assert await set_to(simulated, admin, "2026-06-01T12:00:00Z") == 200
    await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 1})
    answer = await simulated.post("/v1/clock/set", headers=admin, json={"at": "2026-06-01T12:00:00Z"})
    assert code_of(answer) == "clock_goes_forward"
    assert await set_to(simulated, admin, NOON) == 200


async def test_time_can_tick_on_from_where_it_stands_and_be_held(simulated: Client, admin: Headers) -> None:
    await set_to(simulated, admin, NOON)
    await simulated.post("/v1/clock/tick", headers=admin, json={"ticking": True})
    earlier, later = await now_of(simulated, admin), await now_of(simulated, admin)
    assert datetime.fromisoformat(NOON) < earlier < later < datetime.fromisoformat(NOON) + timedelta(hours=1)
    held = await simulated.post("/v1/clock/tick", headers=admin, json={"ticking": False})
    assert await now_of(simulated, admin) == datetime.fromisoformat(held.json()["now"]) > later


async def test_a_ticking_clock_goes_on_ticking_after_a_step(simulated: Client, admin: Headers) -> None:
    await set_to(simulated, admin, NOON)
    await simulated.post("/v1/clock/tick", headers=admin, json={"ticking": True})
    answer = await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 3600})
    assert answer.json()["is_ticking"] is True
    earlier, later = await now_of(simulated, admin), await now_of(simulated, admin)
    assert datetime.fromisoformat(NOON) + timedelta(hours=1) < earlier < later


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("set", {"at": "2026-07-01T12:00:00"}, "at"),
        ("set", {"at": "1999-12-31T23:59:59Z"}, "at"),
        ("set", {"at": "2100-01-01T00:00:00Z"}, "at"),
        ("set", {"at": 5}, "at"),
        ("advance", {"seconds": -1}, "seconds"),
        ("advance", {"seconds": 1e12}, "seconds"),
        ("advance", {"seconds": "60"}, "seconds"),
        ("tick", {"ticking": 1}, "ticking"),
    ],
)
async def test_odd_times_are_refused_and_change_nothing(
    simulated: Client, admin: Headers, path: str, body: dict[str, object], field: str
) -> None:
    await set_to(simulated, admin, NOON)
    answer = await simulated.post(f"/v1/clock/{path}", headers=admin, json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert await now_of(simulated, admin) == datetime.fromisoformat(NOON)


async def test_time_ends_before_2100(simulated: Client, admin: Headers) -> None:
    await set_to(simulated, admin, "2099-12-31T23:00:00Z")
    answer = await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 3600})
    assert answer.json()["errors"][0]["field"] == "seconds"


@pytest.mark.parametrize("role", ["manage", "read", "till"])
async def test_only_admins_touch_the_clock(simulated: Client, headers_of: HeadersOf, role: str) -> None:
    headers = await headers_of(role)
    assert (await simulated.get("/v1/clock", headers=headers)).status_code == 403
    assert (await simulated.post("/v1/clock/set", headers=headers, json={"at": NOON})).status_code == 403


async def test_advancing_answers_once_due_work_is_done(
    simulated: Client, admin: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def settle() -> None:
        seen.append(await now_of(simulated, admin))

    await set_to(simulated, admin, NOON)
    monkeypatch.setattr(simulated.state.engine, "settle", settle)
    await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 60})
    assert seen == [datetime.fromisoformat("2026-07-01T12:01:00Z")]


@pytest.mark.parametrize(("first", "second"), [("normal", "simulated"), ("simulated", "normal")])
async def test_a_database_keeps_its_mode_for_life(
    open_app: Open, pool: asyncpg.Pool, first: ClockMode, second: ClockMode
) -> None:
    await open_app(clock=first)
    with pytest.raises(InvalidInput, match=f"ALENTOUR_CLOCK={first}"):
        await settle_mode(pool, second)
    assert await pool.fetchval("SELECT mode FROM clock") == first


async def test_workers_that_start_together_agree_on_the_clock(pool: asyncpg.Pool) -> None:
    await asyncio.gather(*(settle_mode(pool, "simulated") for _ in range(8)))
    before = await read_clock(pool)
    await settle_mode(pool, "simulated")
    assert await read_clock(pool) == before
