"""A till in a test: somebody who pays, what they pay for, and what the books say."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg

from offers.buckets import bucket_of
from offers.payments.cashier import Cashier
from offers.payments.ledger import Books, read_books
from offers.payments.payments import Payment, begin_payment, read_payment
from offers.payments.refunds import Refund, begin_refund
from offers.payments.sandbox import Sandbox
from offers.people.customers import lock_customers
from offers.people.keys import CustomerKey
from tests.world import World


class Counter:
    """One customer before one cashier; remembers what the subject's hook was told."""

    def __init__(self, pool: asyncpg.Pool, cashier: Cashier, key: CustomerKey, retailer_id: int) -> None:
        self.pool, self.cashier, self.key, self.retailer_id = pool, cashier, key, retailer_id
        self.told: list[str] = []
        cashier.register("trial", self._hook)

    @classmethod
    async def opens(cls, pool: asyncpg.Pool, cashier: Cashier) -> Counter:
        world = World(pool)
        customer_id = await world.customer()
        return cls(pool, cashier, CustomerKey(bucket_of(customer_id), customer_id), await world.retailer())

    async def asks(
        self,
        amount_minor: int = 240,
        method: str | None = None,
        operation_id: UUID | None = None,
        **other: Any,
    ) -> Payment:
        """A payment in state requested, committed."""
        async with self.pool.acquire() as connection, connection.transaction():
            now = await lock_customers(connection, self.key)
            return await begin_payment(
                connection,
                self.key,
                operation_id=operation_id or uuid4(),
                subject=other.pop("subject", "trial"),
                subject_id=other.pop("subject_id", UUID(int=1)),
                retailer_id=self.retailer_id,
                amount_minor=amount_minor,
                currency=other.pop("currency", "EUR"),
                now=now,
                payment_method=method,
            )

    async def pays(self, amount_minor: int = 240, method: str | None = None) -> Payment:
        asked = await self.asks(amount_minor, method)
        return await self.cashier.settle(self.key, asked.payment_id)

    async def asks_back(
        self, payment: Payment, amount_minor: int | None = None, operation_id: UUID | None = None
    ) -> Refund:
        async with self.pool.acquire() as connection, connection.transaction():
            now = await lock_customers(connection, self.key)
            return await begin_refund(
                connection,
                self.key,
                operation_id=operation_id or uuid4(),
                payment_id=payment.payment_id,
                amount_minor=amount_minor,
                reason="left early",
                now=now,
            )

    async def refunds(self, payment: Payment, amount_minor: int | None = None) -> Refund:
        asked = await self.asks_back(payment, amount_minor)
        return await self.cashier.settle_refund(self.key, asked.refund_id)

    async def sees(self, payment: Payment) -> Payment:
        async with self.pool.acquire() as connection:
            return await read_payment(connection, self.key, payment.payment_id)

    async def books(self) -> Books:
        async with self.pool.acquire() as connection:
            return await read_books(connection)

    async def a_minute_passes(self) -> None:
        """In machine time: claims of whoever was interrupted are over, and everything is due."""
        over = "claimed_until = CASE WHEN claim IS NOT NULL THEN clock_timestamp() END"
        due = f"look_at = clock_timestamp(), {over} WHERE look_at IS NOT NULL"
        await self.pool.execute(f"UPDATE payments SET begun_at = begun_at - interval '1 minute', {due}")
        await self.pool.execute(f"UPDATE refunds SET {due}")

    async def _hook(self, _connection: Any, _key: CustomerKey, payment: Payment, _now: Any) -> None:
        self.told.append(payment.state)


async def somebody_paid(
    database_url: str, retailer_id: int, customer_id: UUID | None = None, amount_minor: int = 240
) -> UUID:
    """A captured payment of play money to this business; its id."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool:
        who = customer_id or await World(pool).customer()
        cashier = Cashier(pool, Sandbox(pool))
        paid = await Counter(pool, cashier, CustomerKey(bucket_of(who), who), retailer_id).pays(amount_minor)
        await cashier.close()
    assert paid.state == "captured"
    return paid.payment_id


def balanced(books: Books) -> bool:
    return all(total.ledger_balance_minor == 0 for total in books.totals) and books.unmatched_payments == 0
