"""Registering, joining, tokens, revoking: over HTTP, with real races."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.http.phones import Phone, code_of, fresh_installation, new_phone, register


async def _works(phone: Phone, token: str | None = None) -> bool:
    headers = {"authorization": f"Bearer {token or phone.token}"}
    return (await phone.http.get("/v1/me", headers=headers)).status_code == 200


async def _link_code(phone: Phone) -> dict[str, str]:
    answer = await phone.post("/v1/me/link-codes")
    assert answer.status_code == 201, answer.text
    said: dict[str, str] = answer.json()
    return said


async def test_first_registration_makes_a_customer_with_one_device(http):
    phone = await new_phone(http, time_zone="Europe/Helsinki", language="fr", label="Pixel")
    me = (await phone.get("/v1/me")).json()
    assert me["customer_id"] == phone.customer_id
    assert [one["device_id"] for one in me["devices"]] == [phone.device_id]
    assert me["devices"][0]["label"] == "Pixel"
    assert me["preferences"]["time_zone"] == "Europe/Helsinki"
    assert me["preferences"]["language"] == "fr"
    assert me["granted"] == []


async def test_registering_again_gives_the_same_device_and_a_fresh_token(http):
    phone = await new_phone(http)
    answer = await register(http, installation_id=phone.installation_id)
    assert answer.status_code == 200
    assert answer.json()["device_id"] == phone.device_id
    assert answer.json()["token"] != phone.token


async def test_old_token_works_until_the_fresh_one_is_first_used(http):
    phone = await new_phone(http)
    fresh = (await register(http, installation_id=phone.installation_id)).json()["token"]
    assert await _works(phone)
    assert await _works(phone, fresh)
    assert not await _works(phone)
    assert await _works(phone, fresh)


async def test_rotation_keeps_the_old_token_until_the_new_one_is_used(http):
    phone = await new_phone(http)
    fresh = (await phone.post("/v1/me/token/rotate")).json()["token"]
    assert await _works(phone)
    assert await _works(phone, fresh)
    assert not await _works(phone)


async def test_second_rotation_forgets_the_first_unused_token(http):
    phone = await new_phone(http)
    first = (await phone.post("/v1/me/token/rotate")).json()["token"]
    second = (await phone.post("/v1/me/token/rotate")).json()["token"]
    assert not await _works(phone, first)
    assert await _works(phone, second)


async def test_simultaneous_registrations_of_one_installation_make_one_device(http, rows):
    customers = await rows.fetchval("SELECT count(*) FROM customers")
    installation_id = fresh_installation()
    answers = await asyncio.gather(*(register(http, installation_id=installation_id) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert len({answer.json()["device_id"] for answer in answers}) == 1
    assert await rows.fetchval("SELECT count(*) FROM customers") == customers + 1


async def test_installation_id_and_tokens_are_stored_only_hashed(http, rows):
    phone = await new_phone(http)
    for table in ("installations", "device_tokens", "devices"):
        for row in await rows.fetch(f"SELECT t::text AS everything FROM {table} AS t"):
            assert phone.installation_id not in row["everything"]
            assert phone.token not in row["everything"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"installation_id": "short"}, "installation_id"),
        ({"installation_id": 16}, "installation_id"),
        ({"platform": "windows"}, "platform"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"language": "not a language"}, "language"),
        ({"label": "a\u0000b"}, "label"),
        ({"label": ""}, "label"),
    ],
)
async def test_bad_registration_names_the_field_and_leaves_no_trace(http, rows, said, field):
    before = await rows.fetchval(
        "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM installations)"
    )
    answer = await register(http, **said)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    after = await rows.fetchval(
        "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM installations)"
    )
    assert after == before


async def test_second_phone_joins_after_the_first_one_confirms(http):
    first = await new_phone(http)
    code = await _link_code(first)
    assert len(code["code"]) == 8
    second = await new_phone(http, link_code=code["code"].lower(), label="Tablet")
    assert second.status == "pending"
    assert second.customer_id == first.customer_id
    assert not await _works(second)

    link = (await first.get(f"/v1/me/link-codes/{code['code_id']}")).json()
    assert (link["state"], link["label"], link["device_id"]) == ("to_confirm", "Tablet", second.device_id)
    confirmed = await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert confirmed.json()["state"] == "confirmed"
    assert await _works(second)
    again = await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert (again.status_code, again.json()["state"]) == (200, "confirmed")


async def test_pending_phone_is_told_that_it_waits(http):
    first = await new_phone(http)
    second = await new_phone(http, link_code=(await _link_code(first))["code"])
    answer = await second.get("/v1/me")
    assert (answer.status_code, code_of(answer)) == (403, "device_pending")


async def test_joining_again_after_a_lost_answer_gives_the_same_device(http):
    first = await new_phone(http)
    code = await _link_code(first)
    second = await new_phone(http, link_code=code["code"])
    again = await register(http, installation_id=second.installation_id, link_code=code["code"])
    assert (again.status_code, again.json()["status"]) == (200, "pending")
    assert again.json()["device_id"] == second.device_id
    await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert await _works(second, again.json()["token"])


async def test_every_refused_link_code_looks_the_same(http, rows):
    used, expired, wrong = [await new_phone(http) for _ in range(3)]
    used_code = (await _link_code(used))["code"]
    await new_phone(http, link_code=used_code)
    expired_code = await _link_code(expired)
    await rows.execute(
        "UPDATE link_codes SET expires_at = expires_at - interval '11 minutes' WHERE code_id = $1",
        expired_code["code_id"],
    )
    real = (await _link_code(wrong))["code"]
    wrong_code = real[:4] + ("0000" if real[4:] != "0000" else "1111")
    bodies = []
    for code in (used_code, expired_code["code"], wrong_code, "ZZZZZZZZ", "short", "????????"):
        answer = await register(http, link_code=code)
        assert answer.status_code == 409
        bodies.append({name: value for name, value in answer.json().items() if name != "request_id"})
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "link_code_refused"


async def test_right_code_after_five_wrong_tries_is_refused(http):
    phone = await new_phone(http)
    code = await _link_code(phone)
    secret = code["code"][4:]
    wrong = [guess for guess in ("0000", "1111", "2222", "3333", "4444", "5555") if guess != secret][:5]
    for guess in wrong:
        assert (await register(http, link_code=code["code_id"] + guess)).status_code == 409
    assert (await register(http, link_code=code["code"])).status_code == 409
    state = (await phone.get(f"/v1/me/link-codes/{code['code_id']}")).json()["state"]
    assert state == "used_up"


async def test_right_code_after_four_wrong_tries_still_joins(http):
    phone = await new_phone(http)
    code = await _link_code(phone)
    wrong = [guess for guess in ("0000", "1111", "2222", "3333", "4444") if guess != code["code"][4:]][:4]
    for guess in wrong:
        assert (await register(http, link_code=code["code_id"] + guess)).status_code == 409
    assert (await register(http, link_code=code["code"])).status_code == 201


async def test_a_storm_of_guesses_gets_five_tries_in_all(http, rows):
    phone = await new_phone(http)
    code = await _link_code(phone)
    guesses = [f"{number:04d}" for number in range(20) if f"{number:04d}" != code["code"][4:]]
    await asyncio.gather(*(register(http, link_code=code["code_id"] + guess) for guess in guesses))
    left = await rows.fetchval(
        "SELECT tries_left FROM link_codes WHERE bucket = $1 AND code_id = $2", phone.key[0], code["code_id"]
    )
    assert left == 0
    assert (await register(http, link_code=code["code"])).status_code == 409


async def test_two_phones_with_one_code_join_only_once(http):
    phone = await new_phone(http)
    code = (await _link_code(phone))["code"]
    answers = await asyncio.gather(*(register(http, link_code=code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_refused_code_leaves_the_installation_free(http):
    installation_id = fresh_installation()
    assert (await register(http, installation_id=installation_id, link_code="ZZZZZZZZ")).status_code == 409
    phone = await new_phone(http)
    code = await _link_code(phone)
    wrong = code["code_id"] + ("0000" if code["code"][4:] != "0000" else "1111")
    assert (await register(http, installation_id=installation_id, link_code=wrong)).status_code == 409
    assert (await register(http, installation_id=installation_id)).status_code == 201


async def test_new_code_replaces_the_one_before(http):
    phone = await new_phone(http)
    old, new = await _link_code(phone), await _link_code(phone)
    assert (await register(http, link_code=old["code"])).status_code == 409
    assert (await register(http, link_code=new["code"])).status_code == 201


async def test_known_phone_that_joins_stays_what_it_was_until_the_first_one_confirms(http, shop):
    first, moving = await new_phone(http), await new_phone(http)
    await moving.consents_to(shop.retailer_id)
    await shop.gives(moving, await shop.offers())
    code = await _link_code(first)
    moved = await new_phone(http, installation_id=moving.installation_id, link_code=code["code"])
    assert (moved.status, moved.customer_id) == ("pending", first.customer_id)
    assert moved.device_id != moving.device_id
    assert (await moving.get("/v1/me")).json()["granted"] != []
    assert len((await moving.get("/v1/inbox")).json()["items"]) == 1
    assert not await _works(moved)

    await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert await _works(moved)
    assert not await _works(moving)
    assert (await moved.get("/v1/inbox")).json()["items"] == [], "that was somebody else's"
    again = await register(http, installation_id=moving.installation_id)
    assert (again.status_code, again.json()["device_id"]) == (200, moved.device_id)


@pytest.mark.parametrize("how", ["refused", "too late"])
async def test_joining_that_comes_to_nothing_costs_nothing(http, rows, how):
    first, moving = await new_phone(http), await new_phone(http)
    code = await _link_code(first)
    moved = await new_phone(http, installation_id=moving.installation_id, link_code=code["code"])
    if how == "refused":
        await first.post(f"/v1/me/devices/{moved.device_id}/revoke")
    else:
        await rows.execute(
            "UPDATE link_codes SET used_at = used_at - interval '11 minutes' WHERE device_id = $1",
            moved.device_id,
        )
    assert (await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")).status_code == 409
    assert await _works(moving)
    again = await register(http, installation_id=moving.installation_id)
    assert (again.status_code, again.json()["device_id"]) == (200, moving.device_id)


async def test_known_phone_that_joins_again_after_a_lost_answer_is_the_same_pending_device(http):
    first, moving = await new_phone(http), await new_phone(http)
    code = await _link_code(first)
    answers = [
        await register(http, installation_id=moving.installation_id, link_code=code["code"]) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["device_id"] == answers[1].json()["device_id"]
    await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert await _works(first, answers[1].json()["token"])


async def test_phone_that_waits_for_one_customer_may_join_another_instead(http):
    one, other = await new_phone(http), await new_phone(http)
    waiting = await new_phone(http, link_code=(await _link_code(one))["code"])
    code = await _link_code(other)
    joined = await new_phone(http, installation_id=waiting.installation_id, link_code=code["code"])
    await other.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert await _works(joined)
    assert (await waiting.get("/v1/me")).status_code == 401


async def test_phone_of_a_customer_is_that_phone_whatever_code_of_theirs_it_types(http):
    first = await new_phone(http)
    code = await _link_code(first)
    answer = await register(http, installation_id=first.installation_id, link_code=code["code"])
    assert (answer.status_code, answer.json()["device_id"]) == (200, first.device_id)


async def test_crosswise_moves_of_two_phones_do_not_deadlock(http):
    for _ in range(5):
        one, two = await new_phone(http), await new_phone(http)
        of_one, of_two = await _link_code(one), await _link_code(two)
        answers = await asyncio.gather(
            register(http, installation_id=one.installation_id, link_code=of_two["code"]),
            register(http, installation_id=two.installation_id, link_code=of_one["code"]),
        )
        assert {answer.status_code for answer in answers} == {201}
        confirmed = await asyncio.gather(
            one.post(f"/v1/me/link-codes/{of_one['code_id']}/confirm"),
            two.post(f"/v1/me/link-codes/{of_two['code_id']}/confirm"),
        )
        # Whoever is confirmed first is no longer who they were, and may not be asked any more.
        assert {answer.status_code for answer in confirmed} <= {200, 401}
        assert 200 in {answer.status_code for answer in confirmed}


async def test_confirming_too_late_is_refused_and_the_phone_starts_afresh(http, rows):
    first = await new_phone(http)
    code = await _link_code(first)
    second = await new_phone(http, link_code=code["code"])
    await rows.execute(
        "UPDATE link_codes SET used_at = used_at - interval '11 minutes' WHERE device_id = $1",
        second.device_id,
    )
    late = await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert (late.status_code, code_of(late)) == (409, "link_code_expired")
    afresh = await register(http, installation_id=second.installation_id)
    assert (afresh.status_code, afresh.json()["status"]) == (201, "active")
    assert afresh.json()["customer_id"] != first.customer_id


async def test_unused_code_cannot_be_confirmed(http):
    phone = await new_phone(http)
    code = await _link_code(phone)
    answer = await phone.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert (answer.status_code, code_of(answer)) == (409, "link_code_waiting")


async def test_another_customers_link_code_is_not_found(http):
    owner, stranger = await new_phone(http), await new_phone(http)
    code = await _link_code(owner)
    for method in (stranger.get, stranger.post):
        path = f"/v1/me/link-codes/{code['code_id']}" + ("/confirm" if method == stranger.post else "")
        assert (await method(path)).status_code == 404


async def test_revoked_phone_is_locked_out_and_its_place_forgotten(http, rows):
    phone = await new_phone(http)
    await rows.execute("UPDATE device_states SET state = '{}' WHERE device_id = $1", phone.device_id)
    answer = await phone.post(f"/v1/me/devices/{phone.device_id}/revoke")
    assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
    assert (await phone.get("/v1/me")).status_code == 401
    state = await rows.fetchval("SELECT state FROM device_states WHERE device_id = $1", phone.device_id)
    assert state is None


async def test_first_phone_revokes_the_second(http):
    first = await new_phone(http)
    code = await _link_code(first)
    second = await new_phone(http, link_code=code["code"])
    await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert (await first.post(f"/v1/me/devices/{second.device_id}/revoke")).status_code == 200
    assert not await _works(second)
    assert await _works(first)


async def test_refusing_a_pending_phone_is_revoking_it(http):
    first = await new_phone(http)
    code = await _link_code(first)
    second = await new_phone(http, link_code=code["code"])
    await first.post(f"/v1/me/devices/{second.device_id}/revoke")
    answer = await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    assert (answer.status_code, code_of(answer)) == (409, "link_code_refused")


async def test_revoked_installation_comes_back_as_somebody_new(http):
    phone = await new_phone(http)
    await phone.post(f"/v1/me/devices/{phone.device_id}/revoke")
    answer = await register(http, installation_id=phone.installation_id)
    assert answer.status_code == 201
    assert answer.json()["customer_id"] != phone.customer_id


async def test_another_customers_device_cannot_be_revoked(http):
    one, other = await new_phone(http), await new_phone(http)
    for device_id in (other.device_id, uuid4()):
        assert (await one.post(f"/v1/me/devices/{device_id}/revoke")).status_code == 404
    assert await _works(other)


async def test_requests_without_a_token_are_refused(http: httpx.AsyncClient, rows: asyncpg.Pool):
    for token in ("x", "dt_00_" + "A" * 43, "dt_ff_" + "A" * 43, "nonsense"):
        answer = await http.get("/v1/me", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "said", [{"linkcode": "2K7D9XQM"}, {"timezone": "Europe/Paris"}, {"link_code_": None}]
)
async def test_unknown_member_is_refused_by_its_name_and_registers_nobody(http, rows, said):
    installation_id = fresh_installation()
    answer = await register(http, installation_id=installation_id, **said)
    assert answer.status_code == 400
    assert f"`{next(iter(said))}`" in answer.json()["errors"][0]["reason"]
    assert (await register(http, installation_id=installation_id)).status_code == 201, "it was not known yet"
