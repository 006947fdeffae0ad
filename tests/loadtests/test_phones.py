"""The Locust phones against a real server: a very short day without a single failure."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import asyncpg
import pytest

from tests.serving import CHECKOUT, Server
from tests.world import HELSINKI, World

DAY_S = 6


@pytest.fixture
async def town(pool: asyncpg.Pool) -> World:
    """Shops all over the middle, with an offer each that nothing limits."""
    world = World(pool)
    for number in range(5):
        retailer_id = await world.retailer()
        fence_id = await world.fence(retailer_id, north_m=120.0 * (number - 2), radius_m=150)
        await world.offer(retailer_id, fence_id, ignores_caps=True)
    await pool.execute("UPDATE defaults SET quiet_start = '00:00', quiet_end = '00:00'")
    await world.edited()
    return world


async def test_a_short_day_of_phones_enrols_reports_and_receives_without_a_failure(
    town: World, server: Server
) -> None:
    lat, lon = HELSINKI
    done = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", "locust", "-f", "loadtests/phones.py", "--headless", "--json"),
            *("--host", server.url, "--day-s", str(DAY_S), "--most-phones", "12", "--hurry", "20"),
            *("--lat", str(lat), "--lon", str(lon), "--stop-timeout", "5"),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert all(entry["num_failures"] == 0 for entry in told.values())
    assert {"/v1/devices", "/v1/consents", "/v1/nearby", "/v1/fixes"} <= told.keys()
    followed = "SELECT count(*) FROM device_states WHERE state IS NOT NULL"
    assert await town.sql.fetchval(followed) > 0
    assert await town.sql.fetchval("SELECT count(*) FROM deliveries") > 0
