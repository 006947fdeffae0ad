"""Payments over HTTP: one's own, the books, refunds, and webhooks that are not Stripe's."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import stripe

from api.auth import create_retailer_key
from offers.payments.cashier import Cashier
from offers.payments.sandbox import Sandbox
from offers.people.keys import CustomerKey
from tests.http.edge.asking import Client, bearer
from tests.http.edge.conftest import Open
from tests.http.phones import Phone, new_phone
from tests.payments.counter import Counter
from tests.world import World

SECRET = "whsec_of_this_test"


@pytest.fixture
async def till(client: Client, pool: asyncpg.Pool, phone_of_ours: Phone):
    """The phone's customer before a cashier of ours, beside that of the application."""
    cashier = Cashier(pool, Sandbox(pool))
    from offers.buckets import bucket_of  # noqa: PLC0415

    who = UUID(phone_of_ours.customer_id)
    yield Counter(pool, cashier, CustomerKey(bucket_of(who), who), await World(pool).retailer())
    await cashier.close()


@pytest.fixture
async def phone_of_ours(client: Client) -> Phone:
    return await new_phone(client)


async def manage(pool: asyncpg.Pool, retailer_id: int) -> dict[str, str]:
    return bearer(await create_retailer_key(pool, retailer_id, "manage"))


async def refund(client: Client, headers: dict[str, str], payment_id: Any, body: Any, key: str = "") -> Any:
    more = {"idempotency-key": key or uuid4().hex}
    return await client.post(f"/v1/payments/{payment_id}/refund", json=body, headers={**headers, **more})


async def test_a_phone_lists_its_payments_page_by_page_newest_first(
    till: Counter, phone_of_ours: Phone
) -> None:
    paid = [str((await till.pays(100 + number)).payment_id) for number in range(5)]
    seen: list[str] = []
    path = "/v1/me/payments?limit=2"
    for _ in range(3):
        page = (await phone_of_ours.get(path)).json()
        seen += [item["payment_id"] for item in page["items"]]
        path = f"/v1/me/payments?limit=2&cursor={page['next_cursor']}"
    assert seen == paid[::-1]
    assert page["next_cursor"] is None
    first = page["items"][0]
    assert (first["amount_minor"], first["state"], first["provider"]) == (100, "captured", "sandbox")
    assert first["is_test_money"] is True
    assert "client_secret" not in first


async def test_the_secret_is_told_only_while_the_person_has_to_act(
    till: Counter, phone_of_ours: Phone
) -> None:
    waiting = await till.pays(240, "pm_sandbox_action_never")
    told = (await phone_of_ours.get(f"/v1/me/payments/{waiting.payment_id}")).json()
    assert told["state"] == "requires_action"
    assert told["client_secret"] == waiting.client_secret
    done = await till.pays(240)
    assert (await phone_of_ours.get(f"/v1/me/payments/{done.payment_id}")).json()["client_secret"] is None


async def test_another_customers_payment_is_not_there(client: Client, till: Counter) -> None:
    paid = await till.pays()
    stranger = await new_phone(client)
    assert (await stranger.get(f"/v1/me/payments/{paid.payment_id}")).status_code == 404
    assert (await stranger.get("/v1/me/payments")).json()["items"] == []


@pytest.mark.parametrize("cursor", ["xx", "MQ", "Im5vIHV1aWQi"])
async def test_a_cursor_that_is_none_is_named(phone_of_ours: Phone, cursor: str) -> None:
    answer = await phone_of_ours.get(f"/v1/me/payments?cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


async def test_a_business_refunds_a_part_once_and_the_books_balance(
    client: Client, pool: asyncpg.Pool, till: Counter, admin: dict[str, str]
) -> None:
    paid = await till.pays(240)
    headers, key = await manage(pool, till.retailer_id), uuid4().hex
    body = {"amount_minor": 100, "reason": "left early"}
    first = await refund(client, headers, paid.payment_id, body, key)
    assert first.status_code == 202, first.text
    again = await refund(client, headers, paid.payment_id, body, key)
    assert again.json() == first.json()
    async with asyncio.timeout(10):
        while True:
            told = (await client.get(f"/v1/payments/{paid.payment_id}", headers=headers)).json()
            if told["state"] == "partially_refunded":
                break
            await asyncio.sleep(0.02)
    assert [(one["amount_minor"], one["state"]) for one in told["refunds"]] == [(100, "refunded")]
    assert str(till.key.customer_id) not in json.dumps(told)
    own = (await client.get("/v1/payments/ledger", headers=headers)).json()
    everything = (await client.get("/v1/payments/ledger", headers=admin)).json()
    assert own == everything
    assert own["totals"] == [{"currency": "EUR", "ledger_balance_minor": 0}]
    assert {one["account"]: one["balance_minor"] for one in own["accounts"]} == {
        "provider:sandbox": 140,
        f"payee:{till.retailer_id}:trial": -140,
    }
    assert own["unmatched_payments"] == 0


async def test_a_refund_is_refused_clearly(client: Client, pool: asyncpg.Pool, till: Counter) -> None:
    paid, declined = await till.pays(240), await till.pays(240, "pm_sandbox_decline")
    headers = await manage(pool, till.retailer_id)
    reason = {"reason": "left early"}
    for payment_id, body, status, code in (
        (paid.payment_id, {**reason, "amount_minor": 241}, 409, "refund_too_large"),
        (declined.payment_id, reason, 409, "payment_state"),
        (uuid4(), reason, 404, "not_found"),
        (paid.payment_id, {**reason, "amount_minor": 0}, 400, "invalid_input"),
        (paid.payment_id, {**reason, "amount_minor": 1.5}, 400, "invalid_input"),
        (paid.payment_id, {}, 400, "invalid_input"),
    ):
        answer = await refund(client, headers, payment_id, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    bare = await client.post(f"/v1/payments/{paid.payment_id}/refund", json=reason, headers=headers)
    assert bare.json()["code"] == "idempotency_key_required"
    assert await pool.fetchval("SELECT count(*) FROM refunds") == 0


async def test_another_business_sees_and_refunds_nothing(
    client: Client, pool: asyncpg.Pool, till: Counter
) -> None:
    paid = await till.pays(240)
    other = await manage(pool, await World(pool).retailer())
    assert (await client.get(f"/v1/payments/{paid.payment_id}", headers=other)).status_code == 404
    assert (await refund(client, other, paid.payment_id, {"reason": "mine"})).status_code == 404
    assert (await client.get("/v1/payments/ledger", headers=other)).json()["accounts"] == []


async def test_health_says_that_it_is_play_money(client: Client) -> None:
    assert (await client.get("/health/ready")).json()["payments"] == {
        "provider": "sandbox",
        "is_test_money": True,
    }


# Webhooks ------------------------------------------------------------------------------------


def event(**members: Any) -> str:
    about = {"object": "payment_intent", "id": "pi_1", "metadata": {}, **members}
    return json.dumps({"id": "evt_1", "object": "event", "type": "x", "data": {"object": about}})


def signed(payload: str, *, secret: str = SECRET, age_s: int = 0) -> str:
    at = int(time.time()) - age_s
    return stripe.WebhookSignature.generate_signature_header(payload, secret, at)


async def send(client: Client, payload: str, signature: str | None) -> Any:
    headers = {"content-type": "application/json"} | ({"stripe-signature": signature} if signature else {})
    return await client.post("/v1/payments/webhooks/stripe", content=payload, headers=headers)


@pytest.fixture
async def hearing(open_app: Open) -> Client:
    return await open_app(stripe_webhook_secret=SECRET)


async def test_a_signed_webhook_of_somebody_unknown_is_taken_and_changes_nothing(hearing: Client) -> None:
    for payload in (
        event(),
        event(metadata={"alentour_bucket": "7", "alentour_payment": str(uuid4())}),
        event(metadata={"alentour_bucket": "64", "alentour_payment": str(uuid4())}),
        event(metadata={"alentour_bucket": "x", "alentour_payment": "y"}),
        event(object="customer"),
        event(object="refund", payment_intent="pi_1", metadata=None),
    ):
        assert (await send(hearing, payload, signed(payload))).status_code == 204


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "nonsense",
        "t=1,v1=abc",
        "t=x,v1=abc",
        "v1=abc",
        pytest.param(lambda: signed(event(), secret="whsec_other"), id="by another secret"),
        pytest.param(lambda: signed(event(), age_s=301), id="too long ago"),
        pytest.param(lambda: signed("{}"), id="of another body"),
    ],
)
async def test_what_stripe_did_not_sign_is_refused(
    hearing: Client, signature: str | Callable[[], str] | None
) -> None:
    signature = signature() if callable(signature) else signature
    answer = await send(hearing, event(), signature)
    assert (answer.status_code, answer.json()["code"]) == (400, "webhook_unsigned")


async def test_what_is_signed_and_no_event_is_refused(hearing: Client) -> None:
    answer = await send(hearing, "[]", signed("[]"))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


async def test_without_a_secret_there_is_no_webhook(client: Client) -> None:
    assert (await send(client, event(), signed(event()))).status_code == 404
