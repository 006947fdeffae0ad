"""Refunds: in parts, at most what was captured, once each, also when many ask at once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from geo.errors import Conflict, InvalidInput, NotFound
from offers.payments.payments import Payment
from offers.payments.reconciling import reconcile_now
from offers.payments.refunds import begin_refund
from offers.people.customers import lock_customers
from tests.payments.counter import Counter, balanced


async def refunded_minor(counter: Counter) -> int:
    """What the provider gave back, by its own memory."""
    given: int = await counter.pool.fetchval(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM sandbox_refunds"
    )
    return given


async def test_refunds_in_parts_add_up_and_are_posted(counter: Counter) -> None:
    payment = await counter.pays(240)
    first = await counter.refunds(payment, 100)
    assert (first.state, first.amount_minor) == ("refunded", 100)
    assert (await counter.sees(payment)).state == "partially_refunded"
    rest = await counter.refunds(payment)
    assert rest.amount_minor == 140
    seen = await counter.sees(payment)
    assert (seen.state, seen.refunded_minor, seen.refundable_minor) == ("refunded", 240, 0)
    books = await counter.books()
    assert balanced(books)
    assert all(account.balance_minor == 0 for account in books.accounts)
    assert counter.told == ["captured", "partially_refunded", "refunded"]


async def test_more_than_was_captured_is_refused_and_nothing_changes(counter: Counter) -> None:
    payment = await counter.pays(240)
    await counter.refunds(payment, 200)
    with pytest.raises(Conflict) as refused:
        await counter.asks_back(payment, 41)
    assert refused.value.code == "refund_too_large"
    assert await refunded_minor(counter) == 200


async def test_what_was_refunded_whole_has_nothing_left(counter: Counter) -> None:
    payment = await counter.pays(240)
    await counter.refunds(payment)
    with pytest.raises(Conflict) as refused:
        await counter.asks_back(payment)
    assert refused.value.code == "payment_state"


async def test_what_was_never_captured_cannot_be_refunded(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_decline")
    with pytest.raises(Conflict) as refused:
        await counter.asks_back(payment, 10)
    assert refused.value.code == "payment_state"


async def test_the_same_operation_refunds_once(counter: Counter) -> None:
    payment, operation_id = await counter.pays(240), uuid4()
    first = await counter.asks_back(payment, 100, operation_id)
    again = await counter.asks_back(payment, 100, operation_id)
    assert again == first
    for _ in range(2):
        await counter.cashier.settle_refund(counter.key, first.refund_id)
    assert await refunded_minor(counter) == 100
    with pytest.raises(Conflict) as refused:
        await counter.asks_back(payment, 50, operation_id)
    assert refused.value.code == "payment_mismatch"


async def test_a_lost_answer_gives_back_once(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_refund_timeout")
    refund = await counter.refunds(payment, 100)
    assert refund.state == "requested"
    assert (await counter.sees(payment)).refunding_minor == 100
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    seen = await counter.sees(payment)
    assert (seen.refunding_minor, seen.refunded_minor) == (0, 100)
    assert await refunded_minor(counter) == 100
    assert balanced(await counter.books())


async def test_a_refund_that_fails_frees_what_it_reserved(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_refund_fails")
    refund = await counter.refunds(payment, 100)
    assert refund.state == "failed"
    seen = await counter.sees(payment)
    assert (seen.state, seen.refundable_minor) == ("captured", 240)
    assert balanced(await counter.books())


async def test_racing_refunds_never_give_back_more_than_was_captured(counter: Counter) -> None:
    payment = await counter.pays(240)
    asked = await asyncio.gather(*(counter.refunds(payment, 100) for _ in range(6)), return_exceptions=True)
    refused = [one for one in asked if isinstance(one, Conflict)]
    assert len(refused) == 4
    assert {one.code for one in refused} == {"refund_too_large"}
    assert await refunded_minor(counter) == 200
    assert (await counter.sees(payment)).refunded_minor == 200
    assert balanced(await counter.books())


async def test_two_refunds_in_open_transactions_are_bounded_by_the_row_itself(counter: Counter) -> None:
    """Even for whoever would forget to lock the customer: the second waits for the first, and is refused."""
    payment = await counter.pays(240)

    async def ask_back(connection: asyncpg.Connection) -> None:
        now = await connection.fetchval("SELECT alentour_now()")
        await begin_refund(
            connection, counter.key, operation_id=uuid4(), payment_id=payment.payment_id,
            amount_minor=150, reason="left early", now=now,
        )  # fmt: skip

    async with counter.pool.acquire() as first, counter.pool.acquire() as second:
        holds = first.transaction()
        await holds.start()
        await ask_back(first)
        waits = asyncio.create_task(ask_back(second))
        await asyncio.sleep(0.2)
        assert not waits.done()
        await holds.commit()
        with pytest.raises(Conflict):
            await waits
    assert (await counter.sees(payment)).refunding_minor == 150


async def test_two_settles_of_one_refund_at_once_give_back_once(counter: Counter) -> None:
    payment = await counter.pays(240)
    asked = await counter.asks_back(payment, 100)
    await asyncio.gather(*(counter.cashier.settle_refund(counter.key, asked.refund_id) for _ in range(4)))
    assert await refunded_minor(counter) == 100
    assert balanced(await counter.books())


async def test_a_refund_of_another_customers_payment_is_not_found(counter: Counter) -> None:
    payment = await counter.pays(240)
    somebody = await Counter.opens(counter.pool, counter.cashier)
    with pytest.raises(NotFound):
        await somebody.asks_back(payment, 10)


@pytest.mark.parametrize(("amount_minor", "reason", "field"), [(0, "x", "amount_minor"), (10, "", "reason")])
async def test_bad_input_is_named(counter: Counter, amount_minor: int, reason: str, field: str) -> None:
    payment: Payment = await counter.pays(240)
    async with counter.pool.acquire() as connection, connection.transaction():
        now = await lock_customers(connection, counter.key)
        with pytest.raises(InvalidInput) as refused:
            await begin_refund(
                connection, counter.key, operation_id=uuid4(), payment_id=payment.payment_id,
                amount_minor=amount_minor, reason=reason, now=now,
            )  # fmt: skip
    assert [fault.field for fault in refused.value.faults] == [field]
