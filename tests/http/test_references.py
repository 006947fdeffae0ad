"""By which name a retailer knows a customer, what it says, and whose offers read it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.http.phones import Phone, Shop, new_phone, no, yes


async def manage(shop: Shop) -> dict[str, str]:
    from api.auth import create_retailer_key  # noqa: PLC0415 - a key of this shop alone

    return {"authorization": f"Bearer {await create_retailer_key(shop.pool, shop.retailer_id, 'manage')}"}


@pytest.fixture
async def known(http: httpx.AsyncClient, shop: Shop) -> tuple[Phone, str]:
    """Somebody who let the shop know them, and where their attributes are."""
    phone = await new_phone(http)
    await phone.answers(yes("personalisation"))
    given = await phone.post("/v1/references", {"retailer_id": shop.retailer_id})
    assert given.status_code == 201, given.text
    return phone, f"/v1/customers/{given.json()['reference']}/attributes"


async def test_a_shop_says_something_of_its_own_customer_who_can_read_it(http, shop, known):
    phone, path = known
    said = {"attributes": {"tier": "gold", "since": "2019"}}
    answer = await http.put(path, json=said, headers=await manage(shop))
    assert (answer.status_code, answer.json()["attributes"]) == (200, said["attributes"])
    [mine] = (await phone.get("/v1/references")).json()["items"]
    assert (mine["retailer_id"], mine["attributes"]) == (shop.retailer_id, said["attributes"])
    assert (await http.delete(path, headers=await manage(shop))).status_code == 204
    assert (await http.get(path, headers=await manage(shop))).json()["attributes"] == {}


async def test_without_consent_to_personalisation_nobody_is_given_a_name(http, shop):
    refused = await (await new_phone(http)).post("/v1/references", {"retailer_id": shop.retailer_id})
    assert (refused.status_code, refused.json()["code"]) == (403, "no_personalisation_consent")


async def test_another_shop_does_not_know_the_name(http, rows, known):
    other = await Shop.opens(rows, "Elsewhere")
    _, path = known
    for answer in (
        await http.get(path, headers=await manage(other)),
        await http.put(path, json={"attributes": {"tier": "x"}}, headers=await manage(other)),
    ):
        assert answer.status_code == 404


async def test_a_new_name_ends_the_one_before(http, shop, known):
    phone, path = known
    await phone.post("/v1/references", {"retailer_id": shop.retailer_id})
    assert (await http.get(path, headers=await manage(shop))).status_code == 404


@pytest.mark.parametrize("how", ["ended", "withdrawn"])
async def test_what_was_said_goes_with_the_name_or_the_consent(http, shop, rows, known, how):
    phone, path = known
    await http.put(path, json={"attributes": {"tier": "gold"}}, headers=await manage(shop))
    if how == "ended":
        assert (
            await phone.http.delete(f"/v1/references/{shop.retailer_id}", headers=phone.headers)
        ).status_code == 204
    else:
        await phone.answers(no("personalisation"))
    assert (await http.get(path, headers=await manage(shop))).status_code == 404
    for table in ("customer_references", "customer_attributes"):
        left = await rows.fetchval(f"SELECT count(*) FROM {table} WHERE customer_id = $1", phone.key[1])
        assert left == 0


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"Tier": "gold"}, "attributes.Tier"),
        ({"tier": ""}, "attributes.tier"),
        ({"tier": "x" * 65}, "attributes.tier"),
        ({f"n{n}": "x" for n in range(21)}, "attributes"),
    ],
)
async def test_what_cannot_be_an_attribute_is_refused(http, shop, known, attributes: Any, field: str):
    answer = await http.put(known[1], json={"attributes": attributes}, headers=await manage(shop))
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]
