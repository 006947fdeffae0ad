"""Allergies and diets that are kept: only under a consent of their own, and for nobody else's eyes."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest

from api.auth import create_retailer_key
from tests.http.phones import Phone, Shop, code_of, new_phone, no, yes

NUTS = {"allergens": ["nuts", "peanuts"], "diets": ["vegetarian"]}


async def _puts(phone: Phone, eats: Any = NUTS) -> httpx.Response:
    return await phone.http.put("/v1/me/diet", json=eats, headers=phone.headers)


async def _forgets(phone: Phone) -> httpx.Response:
    return await phone.http.delete("/v1/me/diet", headers=phone.headers)


async def _keeps(rows: asyncpg.Pool, phone: Phone) -> int:
    kept: int = await rows.fetchval(
        "SELECT count(*) FROM customer_diets WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    return kept


async def _consenting(http: httpx.AsyncClient, **said: Any) -> Phone:
    phone = await new_phone(http, **said)
    await phone.answers(yes("dietary"))
    return phone


async def test_what_is_put_is_read_again_in_the_order_of_the_law(http):
    phone = await _consenting(http)
    put, read = await _puts(phone), await phone.get("/v1/me/diet")
    assert (put.status_code, read.status_code) == (200, 200)
    assert read.json() == put.json()
    assert read.json()["allergens"] == ["peanuts", "nuts"]
    assert read.headers["cache-control"] == "no-store"


async def test_putting_replaces_all_that_was_kept(http, rows):
    phone = await _consenting(http)
    await _puts(phone)
    await _puts(phone, {"allergens": [], "diets": ["vegan", "vegan"]})
    said = (await phone.get("/v1/me/diet")).json()
    assert (said["allergens"], said["diets"], await _keeps(rows, phone)) == ([], ["vegan"], 1)


async def test_nothing_is_kept_without_the_consent(http, rows):
    phone = await new_phone(http)
    await phone.answers(yes("personalisation"), yes("location_offers"))
    for answer in (await _puts(phone), await phone.get("/v1/me/diet")):
        assert (answer.status_code, code_of(answer)) == (403, "no_dietary_consent")
    assert await _keeps(rows, phone) == 0


async def test_nothing_is_read_where_nothing_was_put(http):
    phone = await _consenting(http)
    for answer in (await phone.get("/v1/me/diet"), await _forgets(phone)):
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_it_is_forgotten_when_asked_and_the_consent_stays(http, rows):
    phone = await _consenting(http)
    await _puts(phone)
    assert (await _forgets(phone)).status_code == 204
    assert await _keeps(rows, phone) == 0
    assert (await _puts(phone)).status_code == 200


@pytest.mark.parametrize(
    ("eats", "field"),
    [
        ({"allergens": ["gluten", "pollen"], "diets": []}, "allergens[1]"),
        ({"allergens": [], "diets": ["paleo"]}, "diets[0]"),
        ({"allergens": []}, "body"),
        ({"allergens": None, "diets": []}, "allergens"),
        ({"allergens": ["nuts"] * 15, "diets": []}, "allergens"),
        ({**NUTS, "severity": "high"}, "body"),
    ],
)
async def test_what_cannot_be_kept_names_its_field(http, rows, eats, field):
    phone = await _consenting(http)
    answer = await _puts(phone, eats)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (400, [field])
    assert await _keeps(rows, phone) == 0


@pytest.mark.parametrize("others", [[yes("measurement")], [no("measurement")]])
async def test_the_yes_is_asked_alone_and_a_bundle_records_nothing(http, others):
    phone = await new_phone(http)
    body = {"decisions": [*others, yes("dietary")], "notice_version": 1, "language": "en"}
    answer = await phone.post("/v1/consents", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "decisions[1]")
    assert (await phone.get("/v1/consents")).json()["history"] == []


async def test_a_no_may_come_with_others_and_one_tap_takes_it_back_too(http, rows):
    phone = await _consenting(http)
    await _puts(phone)
    assert (await phone.post("/v1/consents", {"decisions": [no("measurement"), no("dietary")]})).is_success
    assert await _keeps(rows, phone) == 0
    await phone.answers(yes("dietary"))
    await _puts(phone)
    assert (await phone.post("/v1/consents", {"withdraw_all": True})).is_success
    assert await _keeps(rows, phone) == 0
    assert code_of(await phone.get("/v1/me/diet")) == "no_dietary_consent"


@pytest.mark.parametrize("ended", ["personalisation", "measurement"])
async def test_it_outlives_the_end_of_another_consent(http, rows, ended):
    phone = await _consenting(http)
    await _puts(phone)
    await phone.answers(yes(ended))
    await phone.answers(no(ended))
    assert await _keeps(rows, phone) == 1


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ({"age_band": "unknown"}, False),
        ({"age_band": "under_15", "country": "FI"}, False),
        ({"age_band": "15_17", "country": "FR"}, True),
        ({"age_band": "15_17", "country": "DE"}, False),
    ],
)
async def test_only_who_is_of_the_age_of_consent_is_asked(http, said, allowed):
    phone = await new_phone(http, **said)
    body = {"decisions": [yes("dietary")], "notice_version": 1, "language": "en"}
    assert (await phone.post("/v1/consents", body)).status_code == (201 if allowed else 403)
    assert (await _puts(phone)).status_code == (200 if allowed else 403)


async def test_a_band_that_allows_less_erases_it(http, rows):
    phone = await _consenting(http, country="FR")
    await _puts(phone)
    await phone.patch("/v1/me/preferences", {"age_band": "under_15"})
    assert await _keeps(rows, phone) == 0


async def test_who_joins_another_customer_leaves_it_nowhere(http, rows):
    first, second = await new_phone(http), await _consenting(http)
    await _puts(second)
    link = (await first.post("/v1/me/link-codes")).json()
    await new_phone(http, installation_id=second.installation_id, link_code=link["code"])
    assert await _keeps(rows, second) == 1, "until the first phone says yes"
    await first.post(f"/v1/me/link-codes/{link['code_id']}/confirm")
    assert await _keeps(rows, second) == 0


async def test_the_receipt_names_health_data_and_the_way_back(http):
    phone = await new_phone(http)
    (receipt,) = (await phone.answers(yes("dietary"), language="fr"))["receipts"]
    (purpose,) = receipt["purposes"]
    assert "données de santé" in purpose["pii_information"][0]["pii_type"]
    assert purpose["pii_controllers"] == ["operator"]
    assert purpose["withdrawal_method"]["body"]["decisions"] == [no("dietary")]


async def test_the_export_and_the_summary_tell_it(http):
    phone = await _consenting(http)
    await _puts(phone)
    (kept,) = (await phone.get("/v1/me/export")).json()["person"]["diet"]
    assert (kept["allergens"], kept["diets"]) == (["peanuts", "nuts"], ["vegetarian"])
    said = (await phone.get("/v1/me/transparency")).json()
    assert {one["kind"]: one["count"] for one in said["known"]}["diet"] == 3
    assert any(one["kind"] == "diet" for one in said["kept"])


async def test_no_key_of_any_role_opens_it(http, rows):
    shop = await Shop.opens(rows, "Nosy")
    for role in ("read", "manage", "till"):
        key = await create_retailer_key(rows, shop.retailer_id, role, role)
        answer = await http.get("/v1/me/diet", headers={"authorization": f"Bearer {key}"})
        assert answer.status_code in {401, 403}
