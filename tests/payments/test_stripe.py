"""The contract with Stripe, run against localstripe: charges, declines, 3-D Secure, refunds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

from offers.payments.cashier import Cashier
from offers.payments.port import ProviderRefused, ProviderSilent
from offers.payments.reconciling import reconcile_now
from offers.payments.sandbox import Sandbox
from offers.payments.stripe_intents import Stripe
from tests.payments import fake_stripe
from tests.payments.counter import Counter, balanced
from tests.payments.fake_stripe import KEY, FakeStripe
from tests.serving import free_port


@pytest.fixture(scope="module")
def their_server() -> Iterator[FakeStripe]:
    with fake_stripe.running() as running:
        yield running


@pytest.fixture
async def counter(pool: asyncpg.Pool, their_server: FakeStripe) -> AsyncIterator[Counter]:
    cashier = Cashier(pool, Stripe(KEY, their_server.url), [Sandbox(pool)])
    yield await Counter.opens(pool, cashier)
    await cashier.close()


def captured_minor(theirs: FakeStripe, ref: str | None) -> int:
    one = next(intent for intent in theirs.intents() if intent["id"] == ref)
    return int(one["amount"]) if one["status"] == "succeeded" else 0


async def test_a_card_is_authorised_and_captured(counter: Counter, their_server: FakeStripe) -> None:
    payment = await counter.pays(240, their_server.method())
    assert (payment.state, payment.provider, payment.captured_minor) == ("captured", "stripe", 240)
    assert captured_minor(their_server, payment.provider_ref) == 240
    assert counter.told == ["captured"]
    books = await counter.books()
    assert balanced(books)
    assert {one.account for one in books.accounts} == {
        "provider:stripe",
        f"payee:{counter.retailer_id}:trial",
    }


async def test_an_intent_names_the_payment_and_not_the_person(
    counter: Counter, their_server: FakeStripe
) -> None:
    payment = await counter.pays(240, their_server.method())
    intent = next(one for one in their_server.intents() if one["id"] == payment.provider_ref)
    assert intent["metadata"]["alentour_payment"] == str(payment.payment_id)
    assert str(counter.key.customer_id) not in str(intent)


async def test_part_of_it_is_refunded_once_and_never_too_much(
    counter: Counter, their_server: FakeStripe
) -> None:
    """localstripe does not bound refunds: our rows do."""
    payment = await counter.pays(240, their_server.method())
    refund = await counter.refunds(payment, 100)
    assert refund.state == "refunded"
    for _ in range(2):
        await counter.cashier.settle_refund(counter.key, refund.refund_id)
    theirs = [one for one in their_server.refunds() if one["payment_intent"] == payment.provider_ref]
    assert [one["amount"] for one in theirs] == [100]
    assert (await counter.sees(payment)).state == "partially_refunded"
    assert balanced(await counter.books())


async def test_a_refund_whose_answer_was_lost_is_found_not_made_again(
    counter: Counter, their_server: FakeStripe
) -> None:
    """localstripe ignores idempotency keys: it is found by what is written on it."""
    payment = await counter.pays(240, their_server.method())
    asked = await counter.asks_back(payment, 100)
    provider = counter.cashier.provider
    order = payment.order(counter.key.bucket)
    assert payment.provider_ref is not None
    await provider.refund(payment.provider_ref, order, asked.refund_id, 100)  # and then we are gone
    settled = await counter.cashier.settle_refund(counter.key, asked.refund_id)
    assert settled.state == "refunded"
    theirs = [one for one in their_server.refunds() if one["payment_intent"] == payment.provider_ref]
    assert len(theirs) == 1


async def test_a_declined_card_leaves_no_money_and_cannot_be_revived(
    counter: Counter, their_server: FakeStripe
) -> None:
    payment = await counter.pays(240, their_server.method("declined"))
    assert (payment.state, payment.decline_reason) == ("declined", "card_declined")
    intent = next(one for one in their_server.intents() if one["id"] == payment.provider_ref)
    assert intent["status"] == "canceled"
    assert (await counter.books()).accounts == []


async def test_a_method_that_stripe_does_not_know_is_declined(counter: Counter) -> None:
    payment = await counter.pays(240, "pm_nobody_made_this")
    assert (payment.state, payment.decline_reason) == ("declined", "unknown_payment_method")


async def test_three_d_secure_waits_for_the_person_and_then_is_captured(
    counter: Counter, their_server: FakeStripe
) -> None:
    payment = await counter.pays(240, their_server.method("three_d_secure"))
    assert payment.state == "requires_action"
    assert payment.client_secret is not None
    assert payment.provider_ref is not None
    assert captured_minor(their_server, payment.provider_ref) == 0
    their_server.authenticate(payment.provider_ref, payment.client_secret, success=True)
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    seen = await counter.sees(payment)
    assert (seen.state, seen.client_secret) == ("captured", None)
    assert captured_minor(their_server, payment.provider_ref) == 240
    assert counter.told == ["requires_action", "captured"]


async def test_three_d_secure_that_fails_is_declined(counter: Counter, their_server: FakeStripe) -> None:
    payment = await counter.pays(240, their_server.method("three_d_secure"))
    assert payment.client_secret is not None
    assert payment.provider_ref is not None
    their_server.authenticate(payment.provider_ref, payment.client_secret, success=False)
    settled = await counter.cashier.settle(counter.key, payment.payment_id)
    assert settled.state == "declined"


async def test_without_a_method_the_phone_is_given_a_secret(counter: Counter) -> None:
    payment = await counter.pays(240)
    assert payment.state == "requires_action"
    assert payment.client_secret is not None
    for _ in range(16):
        await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    assert (await counter.sees(payment)).state == "cancelled"


async def test_a_capture_whose_answer_was_lost_is_found_by_looking(
    counter: Counter, their_server: FakeStripe
) -> None:
    """Everything was done there, and nothing is known here but which intent it was."""
    asked = await counter.asks(240, their_server.method())
    provider, order = counter.cashier.provider, asked.order(counter.key.bucket)
    ref = await provider.open(order)
    await provider.authorise(ref, order)
    await provider.capture(ref, order)
    await counter.pool.execute(
        "UPDATE payments SET provider = 'stripe', provider_ref = $2 WHERE payment_id = $1",
        asked.payment_id,
        ref,
    )
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    assert (await counter.sees(asked)).state == "captured"
    mine = [
        one
        for one in their_server.intents()
        if one["metadata"].get("alentour_payment") == str(asked.payment_id)
    ]
    assert len(mine) == 1
    assert balanced(await counter.books())


async def test_a_payment_goes_on_at_the_provider_that_was_asked(
    counter: Counter, their_server: FakeStripe
) -> None:
    """Whoever switches to Stripe still finishes what the sandbox began."""
    before = Cashier(counter.pool, Sandbox(counter.pool))
    asked = await counter.asks(240, "pm_sandbox_timeout_before")
    assert (await before.settle(counter.key, asked.payment_id)).state == "requested"
    await counter.a_minute_passes()
    await reconcile_now(counter.pool, counter.cashier)
    seen = await counter.sees(asked)
    assert (seen.state, seen.provider) == ("captured", "sandbox")
    await before.close()


async def test_a_server_that_is_away_is_silent_and_a_wrong_key_is_refused(
    counter: Counter, their_server: FakeStripe
) -> None:
    order = (await counter.asks(240)).order(counter.key.bucket)
    away = Stripe(KEY, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ProviderSilent):
        await away.open(order)
    await away.close()
    foreign = Stripe("pk_no_secret_key", their_server.url)
    with pytest.raises(ProviderRefused) as refused:
        await foreign.look(f"pi_{uuid4().hex}", order)
    assert "pk_no_secret_key" not in str(refused.value)
    await foreign.close()
