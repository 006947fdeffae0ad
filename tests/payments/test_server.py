"""A real server that is killed between the charge and its COMMIT, and one that Stripe's webhooks reach."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import stripe

from offers.payments.cashier import Cashier
from offers.payments.payments import Payment
from offers.payments.sandbox import Sandbox
from offers.payments.stripe_intents import Stripe
from tests.payments import fake_stripe
from tests.payments.counter import Counter, balanced
from tests.payments.fake_stripe import KEY, SECRET, FakeStripe
from tests.serving import StartServer


async def true_soon(look: Callable[[], Awaitable[Any]], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not await look():  # noqa: ASYNC110 - another process writes what is looked for
            await asyncio.sleep(0.02)


@pytest.fixture
async def counter(pool: asyncpg.Pool) -> AsyncIterator[Counter]:
    """Asks only; who settles is the server."""
    cashier = Cashier(pool, Sandbox(pool))
    yield await Counter.opens(pool, cashier)
    await cashier.close()


async def is_due(counter: Counter, payment: Payment) -> None:
    """Ten seconds have passed without anybody settling it: the server's reconciler comes."""
    await counter.pool.execute(
        "UPDATE payments SET look_at = clock_timestamp() WHERE payment_id = $1", payment.payment_id
    )


async def taken_minor(counter: Counter) -> int:
    taken: int = await counter.pool.fetchval(
        "SELECT coalesce(sum(captured_minor), 0)::bigint FROM sandbox_intents"
    )
    return taken


async def test_killed_between_charge_and_commit_the_customer_is_charged_once(
    counter: Counter, start_server: StartServer, database_url: str
) -> None:
    first = start_server(database_url)
    asked = await counter.asks(240, "pm_sandbox_delay")
    await is_due(counter, asked)

    async def is_charged() -> bool:
        return await taken_minor(counter) == 240

    await true_soon(is_charged)
    first.kill()
    assert (await counter.sees(asked)).state == "authorised", "the charge was made, and not written"
    assert (await counter.books()).accounts == []

    second = start_server(database_url)
    await counter.a_minute_passes()

    async def is_written() -> bool:
        return (await counter.sees(asked)).state == "captured"

    await true_soon(is_written)
    assert await taken_minor(counter) == 240
    assert await counter.pool.fetchval("SELECT count(*) FROM sandbox_intents") == 1
    books = await counter.books()
    assert balanced(books)
    assert {one.balance_minor for one in books.accounts} == {240, -240}
    assert "play money" in second.log_text()


@pytest.mark.timeout(300)
async def test_killed_again_and_again_every_payment_is_charged_once(
    counter: Counter, start_server: StartServer, database_url: str
) -> None:
    methods = ["pm_sandbox_ok", "pm_sandbox_delay", "pm_sandbox_timeout", "pm_sandbox_timeout_capture"]
    asked = [await counter.asks(100 + number, methods[number % 4]) for number in range(16)]
    for payment in asked:
        await is_due(counter, payment)
    for alive_s in (0.3, 1.1, 2.3):
        server = start_server(database_url)
        await counter.a_minute_passes()
        await asyncio.sleep(2.0 + alive_s)  # the reconciler's first round, and somewhere in it
        server.kill()
    start_server(database_url)

    async def all_are_written() -> bool:
        await counter.a_minute_passes()
        await asyncio.sleep(3.5)
        return all([(await counter.sees(one)).state == "captured" for one in asked])

    await true_soon(all_are_written, 60)
    assert await taken_minor(counter) == sum(one.amount_minor for one in asked)
    assert balanced(await counter.books())


@pytest.fixture(scope="module")
def theirs() -> Any:
    with fake_stripe.running() as running:
        yield running


def settings_of(theirs: FakeStripe) -> dict[str, str]:
    return {
        "ALENTOUR_PAYMENTS": "stripe",
        "ALENTOUR_STRIPE_KEY": KEY,
        "ALENTOUR_STRIPE_WEBHOOK_SECRET": SECRET,
        "ALENTOUR_STRIPE_API_BASE": theirs.url,
        "ALENTOUR_LOG_LEVEL": "debug",
    }


async def charged_unseen(
    counter: Counter, theirs: FakeStripe
) -> tuple[Payment, Callable[[], Awaitable[Any]]]:
    """A payment authorised with Stripe, of which no answer came; and what captures it there."""
    asked = await counter.asks(240, theirs.method())
    provider, order = Stripe(KEY, theirs.url), asked.order(counter.key.bucket)
    ref = await provider.open(order)
    await provider.authorise(ref, order)
    await counter.pool.execute(
        "UPDATE payments SET provider = 'stripe', provider_ref = $2, look_at = clock_timestamp() + interval"
        " '1 hour' WHERE payment_id = $1",
        asked.payment_id,
        ref,
    )

    async def capture() -> None:
        await provider.capture(ref, order)
        await provider.close()

    return asked, capture


async def test_a_signed_webhook_comes_before_the_answer_then_twice_then_late(
    counter: Counter, start_server: StartServer, database_url: str, theirs: FakeStripe
) -> None:
    server = start_server(database_url, environ=settings_of(theirs))
    url = f"{server.url}/v1/payments/webhooks/stripe"
    theirs.sends_webhooks_to(url)
    asked, capture = await charged_unseen(counter, theirs)
    await capture()

    async def is_written() -> bool:
        return (await counter.sees(asked)).state == "captured"

    await true_soon(is_written)  # nobody looks for an hour: it was the webhook
    await true_soon(lambda: asyncio.to_thread(theirs.delivered))
    seen = await counter.sees(asked)
    async with httpx.AsyncClient() as http:
        for age_s in (0, 0, 299):
            answer = await http.post(url, **again(seen, counter.key.bucket, age_s))
            assert answer.status_code == 204, answer.text
        old = await http.post(url, **again(seen, counter.key.bucket, 400))
        assert old.json()["code"] == "webhook_unsigned"
    assert await counter.sees(asked) == seen
    assert await counter.pool.fetchval("SELECT count(*) FROM ledger_entries") == 1
    assert balanced(await counter.books())
    for secret in (KEY, SECRET, str(seen.provider_ref), str(counter.key.customer_id)):
        assert secret not in server.log_text()


def again(payment: Payment, bucket: int, age_s: int) -> dict[str, Any]:
    metadata = {"alentour_bucket": str(bucket), "alentour_payment": str(UUID(str(payment.payment_id)))}
    about = {"object": "payment_intent", "id": payment.provider_ref, "metadata": metadata}
    body = json.dumps({"object": "event", "type": "payment_intent.succeeded", "data": {"object": about}})
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET, int(time.time()) - age_s)
    return {
        "content": body,
        "headers": {"content-type": "application/json", "stripe-signature": signature},
    }


def test_stripe_without_its_secrets_does_not_start(start_server: StartServer, database_url: str) -> None:
    server = start_server(database_url, environ={"ALENTOUR_PAYMENTS": "stripe"}, wait=False)
    assert server.process.wait(60) != 0
    assert "ALENTOUR_STRIPE_KEY is needed" in server.log_text()
