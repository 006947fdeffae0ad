"""How often one may ask: the buckets by themselves, and as keys, phones and addresses meet them."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth import create_admin_key
from api.rates import Buckets
from tests.concurrency.asking import fix_at as fix_told_at
from tests.concurrency.asking import report_of
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, Open, bearer, code_of

WRONG = bearer("dt_00_" + "x" * 43)
NOBODY = bearer("ak_aaaaaaaaaaaa_" + "x" * 43)

# The buckets ----------------------------------------------------------------------------------

moments = st.lists(st.tuples(st.floats(0, 3), st.sampled_from([1.0, 2.0, 10.0])), max_size=60)


@given(moments, st.integers(1, 5), st.integers(1, 12))
def test_a_bucket_lets_through_what_a_slow_one_would(
    asked: list[tuple[float, float]], per_s: int, burst: int
) -> None:
    buckets = Buckets("device", per_s, burst)
    tokens, now = float(burst), 0.0
    for pause_s, cost in asked:
        now += pause_s
        tokens, price = min(burst, tokens + pause_s * per_s), min(cost, burst)
        wait_s = buckets.take("one", now, cost)
        if abs(tokens - price) < 1e-6:  # too near to call with floats
            tokens = tokens - price if not wait_s else tokens
        elif tokens > price:
            assert wait_s == 0
            tokens -= price
        else:
            assert wait_s == pytest.approx((price - tokens) / per_s, abs=1e-6)


def test_whoever_waits_as_long_as_told_is_let_through() -> None:
    buckets = Buckets("device", 3, 5)
    while not (wait_s := buckets.take("one", 100.0)):
        pass
    assert buckets.take("one", 100.0 + wait_s * 0.99)
    assert not buckets.take("one", 100.0 + wait_s)


def test_one_does_not_pay_for_another() -> None:
    buckets = Buckets("device", 1, 1)
    assert not buckets.take("one", 0.0)
    assert buckets.take("one", 0.0)
    assert not buckets.take("other", 0.0)


def test_a_charge_is_taken_even_where_nothing_is_left_and_debts_do_not_grow_for_ever() -> None:
    buckets = Buckets("address", 1, 10)
    for _ in range(100):
        buckets.charge("one", 0.0, 10.0)
    assert buckets.wait_s("one", 0.0) == pytest.approx(11.0)
    assert buckets.wait_s("one", 11.0) == 0


def test_without_a_rate_there_is_no_limit_and_nothing_kept() -> None:
    buckets = Buckets("device", 0, 1)
    assert not any(buckets.take("one", 0.0) for _ in range(1000))
    buckets.charge("one", 0.0, 1000.0)
    assert not buckets.wait_s("one", 0.0)
    assert len(buckets) == 0


def test_memory_is_bounded_and_whoever_owes_most_is_forgotten_last() -> None:
    buckets = Buckets("address", 1, 10, most=100)
    buckets.charge("spent", 0.0, 20.0)
    for number in range(10_000):
        buckets.take(number, 0.0)
        assert len(buckets) <= 100
    assert buckets.wait_s("spent", 0.0) > 0
    for number in range(200):  # by now everybody's is full again
        buckets.take(number, 1_000.0)
    assert len(buckets) <= 100


# Callers --------------------------------------------------------------------------------------


async def ask_until_refused(client: Client, most: int = 50, **request: Any) -> tuple[int, httpx.Response]:
    for number in range(most):
        answer = await client.request(**request)
        if answer.status_code == 429:
            return number, answer
    raise AssertionError(f"not refused after {most} requests: {answer.status_code}")


def must_say_when(answer: httpx.Response, policy: str) -> None:
    assert code_of(answer) == "rate_limited"
    wait_s = int(answer.headers["retry-after"])
    assert 1 <= wait_s <= 60
    assert answer.headers["ratelimit"] == f'"{policy}";r=0;t={wait_s}'
    assert answer.headers["ratelimit-policy"].startswith(f'"{policy}";q=')


async def test_a_device_that_asks_too_often_is_told_when_to_come_back(
    open_app: Open, phone: KnownPhone
) -> None:
    client = await open_app(rate_device_per_s=1, rate_device_burst=5)
    let_in, refused = await ask_until_refused(client, method="GET", url="/v1/me", headers=phone.headers)
    assert let_in == 5
    must_say_when(refused, "device")
    assert refused.headers["ratelimit-policy"] == '"device";q=5;w=5'


async def test_a_device_is_limited_where_it_sends_fixes_too(
    open_app: Open, phone: KnownPhone, pool: asyncpg.Pool
) -> None:
    client = await open_app(rate_device_per_s=1, rate_device_burst=5)
    other = KnownPhone()
    await other.register(pool)
    report = report_of(fix_told_at(0.0))
    request = {"method": "POST", "url": "/v1/fixes", "json": report}
    let_in, refused = await ask_until_refused(client, headers=phone.headers, **request)
    assert let_in == 5
    must_say_when(refused, "device")
    spaced = {"authorization": f"bearer   {phone.token}"}
    assert (await client.request(headers=spaced, **request)).status_code == 429, "however it is written"
    assert (await client.request(headers=other.headers, **request)).status_code != 429


async def test_a_key_that_asks_too_often_takes_nothing_from_another(
    open_app: Open, headers_of: HeadersOf
) -> None:
    client = await open_app(rate_key_per_s=1, rate_key_burst=4)
    one, other = await headers_of("read"), await headers_of("read")
    let_in, refused = await ask_until_refused(client, method="GET", url="/v1/offers", headers=one)
    assert let_in == 4
    must_say_when(refused, "key")
    assert (await client.get("/v1/offers", headers=other)).status_code == 200


async def test_a_rotated_key_goes_on_with_what_its_old_one_left(
    open_app: Open, pool: asyncpg.Pool, headers_of: HeadersOf
) -> None:
    client = await open_app(rate_key_per_s=1, rate_key_burst=6)
    admin, old = bearer(await create_admin_key(pool)), await headers_of("read")
    key_id = old["Authorization"].split("_")[1]
    for _ in range(5):
        await client.get("/v1/offers", headers=old)
    path = f"/v1/keys/{key_id}/rotate"
    rotated = await client.post(path, json={}, headers={**admin, "idempotency-key": "once"})
    new = bearer(rotated.json()["key"])
    assert (await client.get("/v1/offers", headers=new)).status_code == 200
    assert (await client.get("/v1/offers", headers=new)).status_code == 429


async def test_a_fresh_token_costs_more_than_another_request(open_app: Open, phone: KnownPhone) -> None:
    client = await open_app(rate_device_per_s=1, rate_device_burst=150)
    assert (await client.post("/v1/me/token/rotate", headers=phone.headers)).status_code == 200
    assert (await client.post("/v1/me/token/rotate", headers=phone.headers)).status_code == 429
    assert (await client.get("/v1/me", headers=phone.headers)).status_code == 200


async def test_an_address_registers_only_so_many_phones(open_app: Open) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=3)
    new = {"installation_id": "an-installation-of-a-phone", "platform": "ios"}
    let_in, refused = await ask_until_refused(client, method="POST", url="/v1/devices", json=new)
    assert let_in == 3
    must_say_when(refused, "address")


async def test_a_wrong_link_code_costs_as_much_as_ten_registrations(open_app: Open) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=15)
    guess = {"installation_id": "an-installation-that-guesses", "platform": "ios", "link_code": "ABCD2345"}
    assert (await client.post("/v1/devices", json=guess)).status_code == 409
    assert (await client.post("/v1/devices", json=guess)).status_code == 409
    must_say_when(await client.post("/v1/devices", json=guess), "address")


@pytest.mark.parametrize(
    ("wrong", "request_"),
    [
        (WRONG, {"method": "GET", "url": "/v1/me"}),
        (NOBODY, {"method": "GET", "url": "/v1/offers"}),
        (WRONG, {"method": "POST", "url": "/v1/fixes", "json": report_of(fix_told_at(0.0))}),
        (bearer("nonsense"), {"method": "POST", "url": "/v1/fixes", "json": {}}),
    ],
)
async def test_wrong_credentials_are_soon_not_looked_up_any_more(
    open_app: Open, wrong: dict[str, str], request_: dict[str, Any]
) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=30)
    statuses = [(await client.request(headers=wrong, **request_)).status_code for _ in range(8)]
    if wrong in (WRONG, NOBODY):
        assert statuses == [401] * 3 + [429] * 5
    else:  # what cannot be a token is not looked up at all
        assert statuses == [401] * 8


async def test_whoever_was_let_in_does_not_pay_for_a_neighbour_who_guesses(
    open_app: Open, phone: KnownPhone, pool: asyncpg.Pool
) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=10)
    report = {"json": report_of(fix_told_at(0.0))}
    newcomer = KnownPhone()
    await newcomer.register(pool)
    assert (await client.get("/v1/me", headers=phone.headers)).status_code == 200
    assert (await client.post("/v1/fixes", headers=phone.headers, **report)).status_code != 429
    while (await client.get("/v1/me", headers=WRONG)).status_code == 401:
        pass
    assert (await client.get("/v1/me", headers=phone.headers)).status_code == 200
    # Without consent: it was known, and only then refused.
    assert (await client.post("/v1/fixes", headers=phone.headers, **report)).status_code == 403
    assert (await client.get("/v1/me", headers=newcomer.headers)).status_code == 429


async def test_many_phones_behind_one_address_are_not_held_back(open_app: Open, pool: asyncpg.Pool) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=1)
    for _ in range(20):
        one = KnownPhone()
        await one.register(pool)
        assert (await client.get("/v1/me", headers=one.headers)).status_code == 200


async def test_a_refused_request_has_no_effect_and_keeps_no_key(
    open_app: Open, pool: asyncpg.Pool, headers_of: HeadersOf
) -> None:
    client = await open_app(rate_key_per_s=1, rate_key_burst=1)
    manage = await headers_of("manage")
    assert (await client.get("/v1/offers", headers=manage)).status_code == 200
    cap = {"scope": "retailer", "at_most": 1, "window": {"calendar": "day"}}
    answer = await client.post("/v1/caps", json=cap, headers={**manage, "idempotency-key": "k"})
    assert answer.status_code == 429
    assert await pool.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_on_simulated_time_nobody_is_limited(open_app: Open) -> None:
    one = {"rate_device_per_s": 1, "rate_device_burst": 1, "rate_address_per_s": 1, "rate_address_burst": 1}
    client = await open_app(clock="simulated", **one)
    new = {"installation_id": "an-installation-of-a-phone", "platform": "ios"}
    token = (await client.post("/v1/devices", json=new)).json()["token"]
    for _ in range(5):
        assert (await client.post("/v1/devices", json=new)).status_code == 200
        assert (await client.get("/v1/me", headers=bearer(token))).status_code == 200


async def test_the_usual_limits_are_not_met_by_a_phone_in_a_hurry(client: Client, phone: KnownPhone) -> None:
    """A day of fixes that waited without a network, in one go."""
    for _ in range(300):
        assert (await client.get("/v1/me", headers=phone.headers)).status_code == 200


async def test_probes_and_documents_are_not_limited(open_app: Open) -> None:
    client = await open_app(rate_address_per_s=1, rate_address_burst=1)
    for path in ("/health/live", "/health/ready", "/metrics", "/problems", "/openapi.json") * 3:
        assert (await client.get(path)).status_code == 200
