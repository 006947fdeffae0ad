"""Tenants, their keys, and stopping everything a tenant offers."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from api.auth import create_admin_key
from tests.http.edge.asking import Client, HeadersOf, KnownPhone, bearer, code_of
from tests.http.shops import soup

Headers = dict[str, str]


async def add_retailer(client: Client, admin: Headers, **draft: Any) -> dict[str, Any]:
    answer = await client.post("/v1/retailers", headers=admin, json={"name": "Boulangerie", **draft})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def add_key(client: Client, admin: Headers, retailer_id: int, role: str = "manage") -> dict[str, Any]:
    answer = await client.post(f"/v1/retailers/{retailer_id}/keys", headers=admin, json={"role": role})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_an_admin_adds_and_lists_retailers_in_pages(client: Client, admin: Headers) -> None:
    names = [f"Shop {number}" for number in range(5)]
    for name in names:
        await add_retailer(client, admin, name=name)
    found, cursor = [], ""
    while True:
        answer = await client.get(f"/v1/retailers?limit=2{cursor}", headers=admin)
        page = answer.json()
        assert len(page["items"]) <= 2
        found += [retailer["name"] for retailer in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == names


@pytest.mark.parametrize("cursor", ["zzz", "é", "IiI", "bnVsbA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "a" * 201])
async def test_a_cursor_that_is_not_ours_is_refused(client: Client, admin: Headers, cursor: str) -> None:
    answer = await client.get("/v1/retailers", headers=admin, params={"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


async def test_an_external_id_is_given_once(client: Client, admin: Headers) -> None:
    await add_retailer(client, admin, external_id="our-7")
    answer = await client.post("/v1/retailers", headers=admin, json={"name": "B", "external_id": "our-7"})
    assert answer.status_code == 409
    assert code_of(answer) == "already_exists"
    assert answer.json()["errors"] == [{"field": "external_id", "reason": "is taken already"}]


@pytest.mark.parametrize(
    "draft",
    [
        *({}, {"name": ""}, {"name": "x" * 201}, {"name": 7}, {"name": "x", "retailer_id": 1}, []),
        *({"name": " "}, {"name": "a\tb"}, {"name": "x", "external_id": " "}),
    ],
)
async def test_an_odd_retailer_is_refused_and_leaves_nothing(
    client: Client, admin: Headers, pool: asyncpg.Pool, draft: Any
) -> None:
    answer = await client.post("/v1/retailers", headers=admin, json=draft)
    assert answer.status_code == 400
    assert code_of(answer) == "invalid_input"
    assert await pool.fetchval("SELECT count(*) FROM retailers") == 0


async def test_a_null_character_is_refused_by_its_field(
    client: Client, admin: Headers, retailer_id: int, phone: KnownPhone
) -> None:
    keys = f"/v1/retailers/{retailer_id}/keys"
    for asked, field in (
        (client.post("/v1/retailers", headers=admin, json={"name": "a\x00b"}), "name"),
        (client.post(keys, headers=admin, json={"role": "till", "label": "\x00"}), "label"),
        (client.get("/v1/nearby?lat=1&lon=1&kinds=a%00", headers=phone.headers), "kinds"),
        (client.get("/v1/notices?language=%00"), "language"),
        (client.get("/v1/offers?retailer_id=1&external_id=%00", headers=admin), "external_id"),
        (client.patch("/v1/me/preferences", headers=phone.headers, json={"language": "\x00"}), "language"),
    ):
        answer = await asked
        assert answer.status_code == 400
        assert code_of(answer) == "invalid_input"
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_retailer_reads_itself_and_sees_no_other(client: Client, admin: Headers) -> None:
    own, other = await add_retailer(client, admin), await add_retailer(client, admin)
    headers = bearer((await add_key(client, admin, own["retailer_id"], "read"))["key"])
    assert (await client.get(f"/v1/retailers/{own['retailer_id']}", headers=headers)).json() == own
    hidden = await client.get(f"/v1/retailers/{other['retailer_id']}", headers=headers)
    missing = await client.get("/v1/retailers/999", headers=headers)
    assert hidden.status_code == missing.status_code == 404
    same = ("code", "detail", "title")
    assert [hidden.json()[name] for name in same] == [missing.json()[name] for name in same]


async def test_a_key_is_shown_once_and_works(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    made = await add_key(client, admin, retailer["retailer_id"])
    answer = await client.get(f"/v1/retailers/{retailer['retailer_id']}/keys", headers=admin)
    assert [key["key_id"] for key in answer.json()["items"]] == [made["key_id"]]
    assert made["key"].rpartition("_")[2] not in answer.text
    own = await client.get(f"/v1/retailers/{retailer['retailer_id']}", headers=bearer(made["key"]))
    assert own.status_code == 200


async def test_a_replayed_answer_does_not_hold_the_secret(
    client: Client, admin: Headers, pool: asyncpg.Pool
) -> None:
    retailer = await add_retailer(client, admin)
    path, headers = f"/v1/retailers/{retailer['retailer_id']}/keys", {**admin, "Idempotency-Key": "k"}
    first = (await client.post(path, headers=headers, json={"role": "till"})).json()
    again = (await client.post(path, headers=headers, json={"role": "till"})).json()
    assert again == {**first, "key": None}
    kept = await pool.fetchval("SELECT answer FROM idempotency_keys")
    assert first["key"].rpartition("_")[2].encode() not in kept


async def test_an_admin_key_is_never_made_over_http(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    path = f"/v1/retailers/{retailer['retailer_id']}/keys"
    answer = await client.post(path, headers=admin, json={"role": "admin"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "role"


async def test_an_admin_sees_the_keys_of_admins_and_can_revoke_one(
    client: Client, admin: Headers, pool: asyncpg.Pool
) -> None:
    retailer = await add_retailer(client, admin)
    await add_key(client, admin, retailer["retailer_id"])
    other = bearer(await create_admin_key(pool, "night shift"))
    listed = (await client.get("/v1/keys", headers=admin)).json()["items"]
    assert [(key["role"], key["retailer_id"]) for key in listed] == [("admin", None)] * 2
    assert sorted(key["label"] for key in listed) == ["", "night shift"]
    lost = next(key["key_id"] for key in listed if key["label"])
    assert (await client.delete(f"/v1/keys/{lost}", headers=admin)).status_code == 204
    assert (await client.get("/v1/keys", headers=other)).status_code == 401
    ended = (await client.get("/v1/keys", headers=admin)).json()["items"]
    assert {key["key_id"] for key in ended if key["revoked_at"]} == {lost}


async def test_a_rotated_key_works_until_its_overlap_ends(simulated: Client, admin: Headers) -> None:
    retailer = await add_retailer(simulated, admin)
    old = await add_key(simulated, admin, retailer["retailer_id"])
    path = f"/v1/keys/{old['key_id']}/rotate"
    new = (await simulated.post(path, headers=admin, json={"overlap_s": 600})).json()
    assert (new["role"], new["retailer_id"], new["label"]) == (old["role"], old["retailer_id"], old["label"])
    assert new["key_id"] != old["key_id"]

    async def opens(key: dict[str, Any]) -> bool:
        own = await simulated.get(f"/v1/retailers/{retailer['retailer_id']}", headers=bearer(key["key"]))
        return own.status_code == 200

    assert await opens(old)
    assert await opens(new)
    await simulated.post("/v1/clock/advance", headers=admin, json={"seconds": 600})
    assert not await opens(old)
    assert await opens(new)
    ended = await simulated.post(path, headers=admin)
    assert code_of(ended) == "key_ended"


async def test_without_an_overlap_the_old_key_ends_at_once(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    old = await add_key(client, admin, retailer["retailer_id"])
    assert (await client.post(f"/v1/keys/{old['key_id']}/rotate", headers=admin)).status_code == 201
    own = await client.get(f"/v1/retailers/{retailer['retailer_id']}", headers=bearer(old["key"]))
    assert own.status_code == 401


async def test_a_second_rotation_never_lengthens_the_first_ones_overlap(
    client: Client, admin: Headers, pool: asyncpg.Pool
) -> None:
    retailer = await add_retailer(client, admin)
    old = await add_key(client, admin, retailer["retailer_id"])
    path, expiry = f"/v1/keys/{old['key_id']}/rotate", "SELECT expires_at FROM api_keys WHERE key_id = $1"
    await client.post(path, headers=admin, json={"overlap_s": 600})
    first = await pool.fetchval(expiry, old["key_id"])
    await client.post(path, headers=admin, json={"overlap_s": 86_400})
    assert await pool.fetchval(expiry, old["key_id"]) == first


async def test_a_retry_with_the_rotated_key_is_still_the_same_request(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    once = {"Idempotency-Key": "soup-1"}
    key = await add_key(client, admin, retailer["retailer_id"])
    first = await client.post("/v1/offers", headers={**bearer(key["key"]), **once}, json=soup())
    for _ in range(2):
        key = (await client.post(f"/v1/keys/{key['key_id']}/rotate", headers=admin)).json()
        again = await client.post("/v1/offers", headers={**bearer(key["key"]), **once}, json=soup())
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == first.json()


async def test_two_keys_of_one_role_do_not_answer_for_each_other(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    for _ in range(2):
        key = await add_key(client, admin, retailer["retailer_id"])
        headers = {**bearer(key["key"]), "Idempotency-Key": "receipt-1"}
        answer = await client.post("/v1/offers", headers=headers, json=soup())
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers


async def test_a_revoked_key_opens_nothing_and_may_be_revoked_twice(client: Client, admin: Headers) -> None:
    retailer = await add_retailer(client, admin)
    made = await add_key(client, admin, retailer["retailer_id"])
    for _ in range(2):
        answer = await client.delete(f"/v1/keys/{made['key_id']}", headers=admin)
        assert answer.status_code == 204
    own = await client.get(f"/v1/retailers/{retailer['retailer_id']}", headers=bearer(made["key"]))
    assert own.status_code == 401
    assert (await client.delete("/v1/keys/aaaaaaaaaaaa", headers=admin)).status_code == 404
    assert (await client.delete("/v1/keys/nonsense", headers=admin)).status_code == 400


@pytest.mark.parametrize("role", ["manage", "read", "till"])
async def test_only_admins_make_retailers_and_keys(
    client: Client, headers_of: HeadersOf, retailer_id: int, role: str
) -> None:
    headers = await headers_of(role)
    asked = [
        client.get("/v1/retailers", headers=headers),
        client.post("/v1/retailers", headers=headers, json={"name": "x"}),
        client.get(f"/v1/retailers/{retailer_id}/keys", headers=headers),
        client.get("/v1/keys", headers=headers),
        client.post(f"/v1/retailers/{retailer_id}/keys", headers=headers, json={"role": "till"}),
        client.post("/v1/keys/aaaaaaaaaaaa/rotate", headers=headers),
        client.delete("/v1/keys/aaaaaaaaaaaa", headers=headers),
    ]
    for answer in asked:
        assert (await answer).status_code == 403


# Stopping ------------------------------------------------------------------------------------


async def deliver(
    pool: asyncpg.Pool, phone: KnownPhone, offer_id: int, retailer_id: int, **state: Any
) -> Any:
    """A delivery of this offer to this phone; `state` are columns such as `handed_at`."""
    delivery_id, crossing_id = uuid4(), uuid4()
    seq = await pool.fetchval("SELECT count(*) FROM deliveries")
    await pool.execute(
        "INSERT INTO deliveries (bucket, customer_id, delivery_id, seq, device_id, offer_id, retailer_id,"
        " fence_id, crossing_id, trigger, channel, tags, counts_toward_caps, content, code, trace,"
        " decided_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, 'enter', 'push', '{}', true, '{}', $9, '[]',"
        " alentour_now(), alentour_now() + interval '1 day')",
        phone.bucket, phone.customer_id, delivery_id, seq, phone.device_id, offer_id, retailer_id,
        crossing_id, str(delivery_id),
    )  # fmt: skip
    for column in state:
        await pool.execute(
            f"UPDATE deliveries SET {column} = alentour_now() WHERE delivery_id = $1", delivery_id
        )
    return delivery_id


async def add_offer(pool: asyncpg.Pool, retailer_id: int) -> int:
    return await pool.fetchval(
        "INSERT INTO offers (retailer_id, status, content, triggers, channel, created_at, updated_at)"
        " VALUES ($1, 'active', '{}', '{enter}', 'push', alentour_now(), alentour_now()) RETURNING offer_id",
        retailer_id,
    )


async def test_a_stop_takes_back_what_no_phone_has_and_nothing_else(
    client: Client, admin: Headers, pool: asyncpg.Pool, retailer_id: int
) -> None:
    other_retailer = await add_retailer(client, admin)
    offer, other = await add_offer(pool, retailer_id), await add_offer(pool, other_retailer["retailer_id"])
    waiting = set()
    for _ in range(3):
        phone = KnownPhone()
        await phone.register(pool)
        waiting.add(await deliver(pool, phone, offer, retailer_id))
        await deliver(pool, phone, offer, retailer_id, handed_at=True)
        await deliver(pool, phone, offer, retailer_id, redeemed_at=True)
        await deliver(pool, phone, other, other_retailer["retailer_id"])
    before = await pool.fetchrow("SELECT version, stop_version FROM config_version")
    answer = await client.post(f"/v1/retailers/{retailer_id}/stop", headers=admin)
    assert answer.status_code == 200
    assert answer.json()["cancelled_deliveries"] == 3
    assert answer.json()["retailer"]["stopped_at"] is not None
    rows = await pool.fetch(
        "SELECT delivery_id, cancelled_because FROM deliveries WHERE cancelled_at IS NOT NULL"
    )
    assert {row["delivery_id"] for row in rows} == waiting
    assert {row["cancelled_because"] for row in rows} == {"stopped"}
    after = await pool.fetchrow("SELECT version, stop_version FROM config_version")
    assert after["version"] > before["version"]
    assert after["stop_version"] > before["stop_version"]


async def test_a_stop_waits_for_whoever_was_deciding_when_it_came(
    client: Client, admin: Headers, pool: asyncpg.Pool, retailer_id: int, phone: KnownPhone
) -> None:
    offer = await add_offer(pool, retailer_id)
    async with pool.acquire() as flush:
        transaction = flush.transaction()
        await transaction.start()
        await flush.execute("SELECT FROM customers FOR NO KEY UPDATE")
        stop = asyncio.create_task(client.post(f"/v1/retailers/{retailer_id}/stop", headers=admin))
        stopped = "SELECT stopped_at FROM retailers"
        while await pool.fetchval(stopped) is None:  # noqa: ASYNC110 - only the database can tell
            await asyncio.sleep(0.01)
        await deliver(flush, phone, offer, retailer_id)
        assert not stop.done()
        await transaction.commit()
    assert (await stop).json()["cancelled_deliveries"] == 1


async def test_a_retailer_stops_and_resumes_itself_and_nobody_else(
    client: Client, admin: Headers, headers_of: HeadersOf, retailer_id: int
) -> None:
    other = (await add_retailer(client, admin))["retailer_id"]
    own = await headers_of("manage")
    assert (await client.post(f"/v1/retailers/{retailer_id}/stop", headers=own)).status_code == 200
    first = (await client.get(f"/v1/retailers/{retailer_id}", headers=own)).json()["stopped_at"]
    again = await client.post(f"/v1/retailers/{retailer_id}/stop", headers=own)
    assert again.json()["retailer"]["stopped_at"] == first
    assert again.json()["retailer"]["stopped_by"] == "retailer"
    resumed = await client.post(f"/v1/retailers/{retailer_id}/resume", headers=own)
    assert (resumed.json()["stopped_at"], resumed.json()["stopped_by"]) == (None, None)
    for verb in ("stop", "resume"):
        assert (await client.post(f"/v1/retailers/{other}/{verb}", headers=own)).status_code == 404
        reader = await headers_of("read")
        assert (await client.post(f"/v1/retailers/{retailer_id}/{verb}", headers=reader)).status_code == 403


@pytest.mark.parametrize("first", ["retailer", "operator"])
async def test_a_retailer_that_an_operator_stopped_is_resumed_by_an_operator(
    client: Client, admin: Headers, headers_of: HeadersOf, retailer_id: int, first: str
) -> None:
    own, path = await headers_of("manage"), f"/v1/retailers/{retailer_id}"
    for headers in (own if first == "retailer" else admin, admin, own):
        assert (await client.post(f"{path}/stop", headers=headers)).status_code == 200
    refused = await client.post(f"{path}/resume", headers=own)
    assert refused.status_code == 403
    assert code_of(refused) == "stopped_by_operator"
    assert (await client.get(path, headers=own)).json()["stopped_by"] == "operator"
    assert (await client.post(f"{path}/resume", headers=admin)).json()["stopped_at"] is None
