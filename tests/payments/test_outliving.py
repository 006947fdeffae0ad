"""What of the money outlives a person: the books as they were, and nobody in them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from geo.errors import Unavailable
from offers.payments.ledger import Books
from offers.people.erasure import Erased, erase
from offers.people.leaving import Leaving, let_go_now
from offers.people.proofs import ProofKey, read_proofs
from offers.periods import PAYMENTS_KEPT
from tests.payments.counter import Counter, balanced
from tests.world import NOON, World

KEY = ProofKey(b"k" * 32)


async def erased(counter: Counter) -> Erased:
    async with counter.pool.acquire() as connection, connection.transaction():
        return await erase(connection, counter.key, KEY)


def balances(books: Books) -> dict[str, int]:
    return {one.account: one.balance_minor for one in books.accounts}


async def test_after_an_erasure_the_books_are_as_before_and_name_nobody(counter: Counter) -> None:
    payment = await counter.pays(240)
    await counter.refunds(payment, 100)
    await counter.pays(110, "pm_sandbox_decline")
    before = balances(await counter.books())
    assert (await erased(counter)).payments_proven == 2
    books = await counter.books()
    assert balances(books) == before
    assert balanced(books)
    for table in ("payments", "refunds", "ledger_entries"):
        assert await counter.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    proven = (await read_proofs(counter.pool, counter.key, KEY)).payments
    assert [(one.kind, one.amount_minor) for one in proven] == [("capture", 240), ("refund", 100)]
    assert (await read_proofs(counter.pool, counter.key, ProofKey(b"x" * 32))).payments == []


async def test_nobody_is_erased_while_their_money_moves(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_timeout")
    assert payment.state == "requested"
    with pytest.raises(Unavailable):
        await erased(counter)
    await counter.a_minute_passes()
    await counter.cashier.settle(counter.key, payment.payment_id)
    assert (await erased(counter)).payments_proven == 1


async def test_nobody_is_erased_while_a_refund_of_theirs_is_open(counter: Counter) -> None:
    payment = await counter.pays(240)
    asked = await counter.asks_back(payment, 100)
    with pytest.raises(Unavailable):
        await erased(counter)
    await counter.cashier.settle_refund(counter.key, asked.refund_id)
    assert (await erased(counter)).payments_proven == 2


async def test_whoever_is_waited_for_may_go_and_is_never_charged(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_action_never")
    assert payment.state == "requires_action"
    await counter.a_minute_passes()
    await erased(counter)
    assert await counter.pool.fetchval("SELECT sum(captured_minor) FROM sandbox_intents") == 0


async def test_old_payments_leave_their_amounts_in_the_books(counter: Counter) -> None:
    world = World(counter.pool)
    await world.stands_still_at(NOON)
    await counter.pays(240)
    before = balances(await counter.books())
    await world.moves_to(NOON + PAYMENTS_KEPT + timedelta(days=1))
    assert (await let_go_now(counter.pool, Leaving(KEY, dormant_after_months=120))).payments == 1
    books = await counter.books()
    assert balances(books) == before
    assert balanced(books)
    assert await counter.pool.fetchval("SELECT count(*) FROM ledger_proofs") == 1
