"""A world whose clock stands still at noon, and one worker's engine on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from offers.engine import Engine
from tests.world import NOON, World, start_engine


@pytest.fixture
async def world(pool: asyncpg.Pool) -> World:
    world = World(pool)
    await world.stands_still_at(NOON)
    return world


@pytest.fixture
async def engine(pool: asyncpg.Pool, world: World) -> AsyncIterator[Engine]:
    engine = start_engine(pool)
    await engine.start()
    yield engine
    await engine.stop()
