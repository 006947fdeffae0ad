"""A cashier at the sandbox, on a database of the test's own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from offers.payments.cashier import Cashier
from offers.payments.sandbox import Sandbox
from tests.payments.counter import Counter


@pytest.fixture
async def counter(pool: asyncpg.Pool) -> AsyncIterator[Counter]:
    cashier = Cashier(pool, Sandbox(pool))
    yield await Counter.opens(pool, cashier)
    await cashier.close()
