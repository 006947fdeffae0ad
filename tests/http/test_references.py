"""By which name a retailer knows a customer, what it says of them, and when that ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import Phone, code_of, new_phone, no, yes
from tests.http.shops import Shop, admin, faults_of, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


@pytest.fixture
async def phone(http) -> Phone:
    one = await new_phone(http)
    await one.answers(yes("personalisation"))
    return one


async def reference_of(phone: Phone, shop: Shop) -> str:
    answer = await phone.post("/v1/references", {"retailer_id": shop.retailer_id})
    assert answer.status_code == 201, answer.text
    reference: str = answer.json()["reference"]
    return reference


def attributes_of(reference: str) -> str:
    return f"/v1/customers/{reference}/attributes"


async def said(shop: Shop, reference: str, **attributes: str) -> Any:
    return await shop.client.put(attributes_of(reference), json={"attributes": attributes})


async def test_a_retailer_says_something_and_the_customer_reads_it(phone, shop, other_shop):
    reference = await reference_of(phone, shop)
    await reference_of(phone, other_shop)
    answer = await said(shop, reference, tier="gold")
    assert answer.status_code == 200
    assert answer.json()["attributes"] == {"tier": "gold"}
    assert (await shop.read_only.get(attributes_of(reference))).json() == answer.json()
    listed = (await phone.get("/v1/references")).json()["items"]
    assert [(one["retailer_id"], one["attributes"]) for one in listed] == [
        (shop.retailer_id, {"tier": "gold"}),
        (other_shop.retailer_id, {}),
    ]
    assert listed[0]["retailer_name"].startswith("Shop")
    assert listed[0]["updated_at"] == answer.json()["updated_at"]
    assert listed[1]["updated_at"] is None


async def test_the_list_comes_in_pages(phone, shop, other_shop):
    await reference_of(phone, shop)
    await reference_of(phone, other_shop)
    first = (await phone.get("/v1/references", params={"limit": 1})).json()
    second = (await phone.get("/v1/references", params={"cursor": first["next_cursor"]})).json()
    assert [one["retailer_id"] for one in first["items"]] == [shop.retailer_id]
    assert [one["retailer_id"] for one in second["items"]] == [other_shop.retailer_id]


async def test_setting_attributes_replaces_all_and_deleting_leaves_the_reference(phone, shop):
    reference = await reference_of(phone, shop)
    await said(shop, reference, tier="gold", car="none")
    await said(shop, reference, tier="silver")
    assert (await shop.client.get(attributes_of(reference))).json()["attributes"] == {"tier": "silver"}
    assert (await shop.client.delete(attributes_of(reference))).status_code == 204
    left = (await shop.client.get(attributes_of(reference))).json()
    assert left == {"attributes": {}, "updated_at": None}


async def test_a_reference_names_its_bucket_and_only_its_hash_is_kept(phone, shop, sql):
    reference = await reference_of(phone, shop)
    bucket, customer_id = phone.key
    assert reference.startswith(f"cr_{bucket:02x}_")
    row = await sql.fetchrow("SELECT * FROM customer_references WHERE customer_id = $1", customer_id)
    assert reference not in str(dict(row))
    assert reference[6:].encode().hex() not in row["reference_hash"].hex()


async def test_references_of_two_retailers_have_nothing_in_common(phone, shop, other_shop):
    one, other = await reference_of(phone, shop), await reference_of(phone, other_shop)
    assert one[6:] != other[6:]


async def test_asking_again_replaces_the_reference_and_keeps_what_was_said(phone, shop):
    first = await reference_of(phone, shop)
    await said(shop, first, tier="gold")
    second = await reference_of(phone, shop)
    assert (await shop.client.get(attributes_of(first))).status_code == 404
    assert (await shop.client.get(attributes_of(second))).json()["attributes"] == {"tier": "gold"}


async def test_another_retailers_reference_looks_like_none(phone, shop, other_shop):
    reference = await reference_of(phone, shop)
    await said(shop, reference, tier="gold")
    unknown = "cr_00_" + "x" * 43
    for name in (reference, unknown, "cr_ff_" + "x" * 43, "nonsense"):
        path = attributes_of(name)
        answers = [
            await other_shop.client.get(path),
            await other_shop.client.put(path, json={"attributes": {"tier": "none"}}),
            await other_shop.client.delete(path),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert {answer.json()["detail"] for answer in answers} == {"There is no such customer."}
    assert (await shop.client.get(attributes_of(reference))).json()["attributes"] == {"tier": "gold"}


async def test_a_key_that_may_only_read_says_nothing(phone, shop):
    reference = await reference_of(phone, shop)
    assert (await shop.read_only.delete(attributes_of(reference))).status_code == 403
    answer = await shop.read_only.put(attributes_of(reference), json={"attributes": {}})
    assert answer.status_code == 403
    assert (await shop.till.get(attributes_of(reference))).status_code == 403


async def test_without_consent_there_is_no_reference(http, shop, sql):
    phone = await new_phone(http)
    answer = await phone.post("/v1/references", {"retailer_id": shop.retailer_id})
    assert (answer.status_code, code_of(answer)) == (403, "no_personalisation_consent")
    assert (
        await sql.fetchval("SELECT count(*) FROM customer_references WHERE customer_id = $1", phone.key[1])
        == 0
    )


async def test_an_unknown_retailer_is_not_found(phone):
    answer = await phone.post("/v1/references", {"retailer_id": 999_999_999})
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_after_a_withdrawal_the_reference_opens_nothing(phone, shop):
    reference = await reference_of(phone, shop)
    await said(shop, reference, tier="gold")
    await phone.answers(no("personalisation"))
    path = attributes_of(reference)
    assert (await shop.client.get(path)).status_code == 404
    assert (await said(shop, reference, tier="bronze")).status_code == 404
    assert (await shop.client.delete(path)).status_code == 404


async def test_a_withdrawal_erases_references_and_all_that_was_said(phone, shop, other_shop, sql):
    for one in (shop, other_shop):
        await said(one, await reference_of(phone, one), tier="gold")
    await phone.answers(no("personalisation"))
    assert (await phone.get("/v1/references")).json()["items"] == []
    for table in ("customer_references", "customer_attributes"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE customer_id = $1", phone.key[1]) == 0


async def test_ending_a_reference_erases_what_that_retailer_said_only(phone, shop, other_shop):
    reference, other = await reference_of(phone, shop), await reference_of(phone, other_shop)
    await said(shop, reference, tier="gold")
    await said(other_shop, other, tier="gold")
    path = f"/v1/references/{shop.retailer_id}"
    assert (await phone.http.delete(path, headers=phone.headers)).status_code == 204
    assert (await phone.http.delete(path, headers=phone.headers)).status_code == 404
    assert (await shop.client.get(attributes_of(reference))).status_code == 404
    (left,) = (await phone.get("/v1/references")).json()["items"]
    assert (left["retailer_id"], left["attributes"]) == (other_shop.retailer_id, {"tier": "gold"})
    fresh = await reference_of(phone, shop)
    assert (await shop.client.get(attributes_of(fresh))).json()["attributes"] == {}


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"Tier": "gold"}, "attributes.Tier"),
        ({"tier": ""}, "attributes.tier"),
        ({"tier": "x" * 65}, "attributes.tier"),
        ({"tier": "a\x00b"}, "attributes.tier"),
        ({f"name_{n}": "x" for n in range(21)}, "attributes"),
    ],
)
async def test_what_cannot_be_said_is_refused_by_its_name(phone, shop, attributes, field):
    reference = await reference_of(phone, shop)
    answer = await shop.client.put(attributes_of(reference), json={"attributes": attributes})
    assert answer.status_code == 400
    assert field in faults_of(answer)
    assert (await shop.client.get(attributes_of(reference))).json()["updated_at"] is None


async def test_an_admin_names_the_retailer(phone, shop, admin):
    reference = await reference_of(phone, shop)
    path = attributes_of(reference)
    assert (await admin.get(path)).status_code == 400
    answer = await admin.get(path, params={"retailer_id": shop.retailer_id})
    assert answer.status_code == 200


async def test_setting_attributes_waits_for_who_holds_the_customer(phone, shop, sql):
    """What a withdrawal under way takes back is not said after it."""
    reference = await reference_of(phone, shop)
    bucket, customer_id = phone.key
    transaction = sql.transaction()
    await transaction.start()
    await lock_customers(sql, CustomerKey(bucket, customer_id))
    saying = asyncio.create_task(said(shop, reference, tier="gold"))
    await asyncio.sleep(0.3)
    assert not saying.done()
    await sql.execute("UPDATE customers SET grants = '{}' WHERE customer_id = $1", customer_id)
    await transaction.commit()
    assert (await saying).status_code == 404
    assert (
        await sql.fetchval("SELECT count(*) FROM customer_attributes WHERE customer_id = $1", customer_id)
        == 0
    )


async def test_the_audit_log_names_no_customer(phone, shop, admin):
    reference = await reference_of(phone, shop)
    await said(shop, reference, tier="gold")
    entries = await admin.get(
        "/v1/audit", params={"operation": "setAttributes", "retailer_id": shop.retailer_id}
    )
    assert entries.status_code == 200, entries.text
    (entry,) = entries.json()["items"]
    assert reference not in entries.text
    assert phone.customer_id not in entries.text
    assert "gold" not in entries.text
    assert list(entry["changed"]) == ["attributes"]
