"""Baseline (c): per request one PostGIS `ST_Covers` and one row update, as one would write it first.

Fairly: pooled connections, prepared statements, a GiST index, a primary key, one durable update.
It knows no consent, no caps, no crossings. Frozen: it changes only if it turns out to be unfair.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from litestar import Litestar, Request, post
from litestar.datastructures import State

from loadtests.baselines.wire import Answer, Fixes, answer_to

COVERING = "SELECT fence_id FROM fences WHERE ST_Covers(shape, ST_SetSRID(ST_MakePoint($1, $2), 4326))"
REMEMBER = """
UPDATE naive_positions SET lon = $2, lat = $3, recorded_at = $4, fixes = fixes + 1 WHERE token_hash = $1
"""


@post("/v1/fixes", status_code=200)
async def accept(data: Fixes, request: Request[None, None, State], state: State) -> Answer:
    token = request.headers["authorization"].removeprefix("Bearer ")
    fix = data.fixes[-1]
    async with state.pool.acquire() as connection:
        fences = await connection.fetch(COVERING, fix.lon, fix.lat)
        await connection.execute(
            REMEMBER, hashlib.sha256(token.encode()).digest(), fix.lon, fix.lat, fix.recorded_at
        )
    return answer_to(data, [{"fence_id": row["fence_id"]} for row in fences])


@asynccontextmanager
async def connected(app: Litestar) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ["ALENTOUR_DATABASE_URL"], min_size=10, max_size=10, server_settings={"jit": "off"}
    ) as pool:
        app.state.pool = pool
        yield


app = Litestar([accept], lifespan=[connected], openapi_config=None, logging_config=None)
