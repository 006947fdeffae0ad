"""Charging through the sandbox: once, whatever is lost, doubled or refused."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from geo.errors import Conflict, InvalidInput, NotFound
from offers.buckets import bucket_of
from offers.payments import sandbox
from offers.payments.cashier import Cashier
from offers.payments.payments import Payment
from offers.payments.port import Hint
from offers.payments.reconciling import reconcile_now
from offers.people.keys import CustomerKey
from tests.concurrency.waiting import until
from tests.payments.counter import Counter, balanced


async def charged_minor(counter: Counter) -> int:
    """What the provider took, by its own memory."""
    taken: int = await counter.pool.fetchval(
        "SELECT coalesce(sum(captured_minor), 0)::bigint FROM sandbox_intents"
    )
    return taken


async def state_of(counter: Counter, payment: Payment) -> str:
    return (await counter.sees(payment)).state


async def reaches(counter: Counter, payment: Payment, state: str) -> None:
    async with asyncio.timeout(20):
        while await state_of(counter, payment) != state:  # noqa: ASYNC110 - another task writes the row
            await asyncio.sleep(0.02)


async def test_a_payment_is_captured_posted_and_told_once(counter: Counter) -> None:
    payment = await counter.pays(240)
    assert (payment.state, payment.captured_minor, payment.provider) == ("captured", 240, "sandbox")
    assert payment.payment_method is None
    assert payment.client_secret is None
    books = await counter.books()
    assert {(one.account, one.balance_minor) for one in books.accounts} == {
        ("provider:sandbox", 240),
        (f"payee:{counter.retailer_id}:trial", -240),
    }
    assert balanced(books)
    assert counter.told == ["captured"]


async def test_settling_again_and_again_charges_once(counter: Counter) -> None:
    payment = await counter.pays(240)
    for _ in range(3):
        assert await counter.cashier.settle(counter.key, payment.payment_id) == payment
    assert await charged_minor(counter) == 240
    assert counter.told == ["captured"]


async def test_two_settles_of_one_payment_at_once_charge_once_and_tell_the_same(counter: Counter) -> None:
    asked = await counter.asks(240, "pm_sandbox_delay")
    elsewhere = Cashier(counter.pool, sandbox.Sandbox(counter.pool))
    first, second = await asyncio.gather(
        counter.cashier.settle(counter.key, asked.payment_id),
        elsewhere.settle(counter.key, asked.payment_id),
    )
    assert first == second
    assert first.state == "captured"
    assert await charged_minor(counter) == 240
    await elsewhere.close()


async def test_the_same_operation_begins_one_payment(counter: Counter) -> None:
    operation_id = uuid4()
    first = await counter.asks(240, operation_id=operation_id)
    assert await counter.asks(240, operation_id=operation_id) == first
    with pytest.raises(Conflict) as refused:
        await counter.asks(250, operation_id=operation_id)
    assert refused.value.code == "payment_mismatch"


async def test_extending_is_a_second_payment(counter: Counter) -> None:
    await counter.pays(240)
    await counter.pays(110)
    assert await charged_minor(counter) == 350
    assert balanced(await counter.books())


async def test_a_decline_leaves_no_money_and_is_told(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_decline")
    assert (payment.state, payment.decline_reason) == ("declined", "card_declined")
    assert counter.told == ["declined"]
    assert (await counter.books()).accounts == []


async def test_a_token_that_nobody_knows_is_declined(counter: Counter) -> None:
    payment = await counter.pays(240, "tok_of_elsewhere")
    assert (payment.state, payment.decline_reason) == ("declined", "unknown_payment_method")


@pytest.mark.parametrize(
    "method", ["pm_sandbox_timeout", "pm_sandbox_timeout_before", "pm_sandbox_timeout_capture"]
)
async def test_a_lost_answer_is_reconciled_and_never_charged_twice(counter: Counter, method: str) -> None:
    payment = await counter.pays(240, method)
    assert payment.state in {"requested", "authorised"}
    # Its webhook may come first; either way it is settled once.
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    await reaches(counter, payment, "captured")
    assert await charged_minor(counter) == 240
    assert counter.told == ["captured"]
    assert balanced(await counter.books())


async def test_what_needs_the_person_waits_with_a_secret_and_then_pays(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_action")
    assert payment.state == "requires_action"
    assert payment.client_secret is not None
    await reaches(counter, payment, "captured")
    assert (await counter.sees(payment)).client_secret is None
    assert counter.told == ["requires_action", "captured"]


async def test_a_confirmation_that_fails_declines(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_action_fails")
    await reaches(counter, payment, "declined")
    assert await charged_minor(counter) == 0


async def test_a_lost_webhook_is_made_up_for_by_looking(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_sandbox_webhook_lost")
    assert payment.state == "requires_action"
    await asyncio.sleep(sandbox.ACTION_TAKES_S + 0.2)
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    assert await state_of(counter, payment) == "captured"


async def test_a_confirmation_that_never_comes_is_cancelled_after_a_quarter_of_an_hour(
    counter: Counter,
) -> None:
    payment = await counter.pays(240, "pm_sandbox_action_never")
    for _ in range(16):
        await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    seen = await counter.sees(payment)
    assert (seen.state, seen.decline_reason) == ("cancelled", "not_in_time")
    assert counter.told == ["requires_action", "cancelled"]


async def test_nobody_is_charged_for_what_was_asked_for_long_ago(counter: Counter) -> None:
    asked = await counter.asks(240)
    for _ in range(16):
        await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    assert await state_of(counter, asked) == "cancelled"
    assert await charged_minor(counter) == 0


async def test_a_payment_that_nobody_settled_is_settled_by_the_reconciler(counter: Counter) -> None:
    asked = await counter.asks(240)
    assert (await reconcile_now(counter.pool, counter.cashier)).payments == 0, "it is not due yet"
    await counter.a_minute_passes()
    assert (await reconcile_now(counter.pool, counter.cashier)).payments == 1
    assert await state_of(counter, asked) == "captured"


@pytest.mark.parametrize(
    "method", ["pm_sandbox_webhook_first", "pm_sandbox_webhook_twice", "pm_sandbox_webhook_late"]
)
async def test_webhooks_early_double_and_late_change_nothing(counter: Counter, method: str) -> None:
    payment = await counter.pays(240, method)
    await until(lambda: not counter.cashier.provider._webhooks)
    assert await counter.sees(payment) == payment
    assert counter.told == ["captured"]
    assert await charged_minor(counter) == 240
    assert balanced(await counter.books())


async def test_a_webhook_of_a_foreign_intent_moves_nothing(counter: Counter) -> None:
    asked = await counter.asks(240)
    hint = Hint(
        provider="sandbox", provider_ref="pi_other", bucket=counter.key.bucket, payment_id=asked.payment_id
    )
    await counter.cashier.heard(hint)
    assert await state_of(counter, asked) == "requested"


async def test_a_hook_that_fails_writes_nothing_and_is_tried_again(counter: Counter) -> None:
    attempts = []

    async def refuses_once(*_: object) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("the session cannot be written")

    counter.cashier.register("trial", refuses_once)
    asked = await counter.asks(240)
    with pytest.raises(RuntimeError):
        await counter.cashier.settle(counter.key, asked.payment_id)
    assert (await counter.books()).accounts == []
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    assert await state_of(counter, asked) == "captured"
    assert await charged_minor(counter) == 240
    assert balanced(await counter.books())


async def test_another_customers_payment_is_not_found(counter: Counter) -> None:
    asked = await counter.asks(240)
    somebody = await Counter.opens(counter.pool, counter.cashier)
    with pytest.raises(NotFound):
        await counter.cashier.settle(somebody.key, asked.payment_id)
    nobody = uuid4()
    with pytest.raises(NotFound):
        await counter.cashier.settle(CustomerKey(bucket_of(nobody), nobody), asked.payment_id)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "method", "field"),
    [
        (0, "EUR", None, "amount_minor"),
        (-5, "EUR", None, "amount_minor"),
        (100_000_000, "EUR", None, "amount_minor"),
        (240, "eur", None, "currency"),
        (240, "EURO", None, "currency"),
        (240, "EUR", "", "payment_method"),
        (240, "EUR", "pm\n", "payment_method"),
    ],
)
async def test_what_cannot_be_charged_is_named(
    counter: Counter, amount_minor: int, currency: str, method: str | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await counter.asks(amount_minor, method, currency=currency)
    assert [fault.field for fault in refused.value.faults] == [field]


async def test_the_database_refuses_what_the_states_do(counter: Counter) -> None:
    payment = await counter.pays(240)
    for change in (
        "state = 'authorised'",
        "refunded_minor = 240",
        "refunding_minor = 241",
        "captured_minor = 100",
        "state = 'refunded'",
        "payment_method = 'pm_sandbox_ok'",
        "client_secret = 'secret'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await counter.pool.execute(
                f"UPDATE payments SET {change} WHERE bucket = $1 AND payment_id = $2",
                counter.key.bucket,
                payment.payment_id,
            )
