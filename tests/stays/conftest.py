"""A street at ten o'clock in Paris, on a Wednesday that stands still."""

from __future__ import annotations

import asyncpg
import pytest

from tests.stays.street import TEN, Street, TestMoney


@pytest.fixture
async def street(pool: asyncpg.Pool) -> Street:
    street = Street(pool, TestMoney(pool))
    await street.world.stands_still_at(TEN)
    await street.opens()
    return street
