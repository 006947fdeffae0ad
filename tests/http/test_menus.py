"""Menus over HTTP: written, edited, published; versions, availability, specials; what phones see."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.http.phones import Phone, code_of, new_phone
from tests.http.shops import Shop, faults_of, other_shop, shop, sql
from tests.menus.cards import real_sized, small

__all__ = ["other_shop", "shop", "sql"]  # fixtures


def lunch(site_id: int, **said: Any) -> dict[str, Any]:
    return {"site_id": site_id, **small(**{"opening_hours": "24/7", **said})}


async def written(shop: Shop, **said: Any) -> dict[str, Any]:
    site_id = said.pop("site_id", None) or await shop.site(opening_hours="24/7", kind="restaurant")
    answer = await shop.client.post("/v1/menus", json=lunch(site_id, **said))
    assert answer.status_code == 201, answer.text
    menu: dict[str, Any] = answer.json()
    return menu


async def published(shop: Shop, **said: Any) -> dict[str, Any]:
    menu_id = (await written(shop, **said))["menu_id"]
    answer = await shop.client.post(f"/v1/menus/{menu_id}/publish")
    assert answer.status_code == 200, answer.text
    menu: dict[str, Any] = answer.json()
    return menu


async def seen(phone: Phone, menu: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await phone.get(f"/v1/sites/{menu['site_id']}/menus", headers=headers)
    assert answer.status_code == 200, answer.text
    (shown,) = (one for one in answer.json()["menus"] if one["menu_id"] == menu["menu_id"])
    return dict(shown)


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    return await new_phone(http, language="fi")


async def test_a_new_menu_is_a_draft_that_no_phone_sees(shop: Shop, phone: Phone) -> None:
    menu = await written(shop)
    assert (menu["status"], menu["published_version"], menu["revision"]) == ("draft", None, 1)
    assert (await phone.get(f"/v1/menus/{menu['menu_id']}/card")).status_code == 404
    assert (await phone.get(f"/v1/sites/{menu['site_id']}/menus")).json()["menus"] == []


async def test_what_was_written_is_read_as_it_was(shop: Shop) -> None:
    menu = await written(shop, **{**real_sized(), "opening_hours": None, "external_id": "big"})
    answer = await shop.read_only.get(f"/v1/menus/{menu['menu_id']}")
    assert answer.json() == menu
    assert answer.headers["etag"] == '"1"'
    listed = (await shop.read_only.get("/v1/menus", params={"external_id": "big"})).json()["items"]
    assert [(one["menu_id"], one["content_hash"]) for one in listed] == [
        (menu["menu_id"], menu["content_hash"])
    ]


async def test_phones_see_the_published_version_until_the_next_one(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    edited = await shop.client.patch(f"{path}/items/leeks", json={"price_minor": 800})
    assert edited.json()["revision"] == menu["revision"] + 1
    before = await seen(phone, menu)
    await shop.client.post(f"{path}/publish")
    after = await seen(phone, menu)
    prices = [one["sections"][0]["items"][1]["sizes"][0]["price_minor"] for one in (before, after)]
    assert prices == [750, 800]
    assert [before["version"], after["version"]] == [1, 2]
    assert before["content_hash"] != after["content_hash"]


async def test_publishing_again_without_an_edit_makes_no_version(shop: Shop) -> None:
    menu = await published(shop)
    again = (await shop.client.post(f"/v1/menus/{menu['menu_id']}/publish")).json()
    assert again == menu


async def test_every_version_stays_readable_with_what_was_sold_out_then(shop: Shop) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    out = {"item_ids": ["leeks"], "state": "sold_out"}
    assert (await shop.client.put(f"{path}/availability", json=out)).status_code == 200
    await shop.client.put(f"{path}/availability", json={"item_ids": ["leeks"], "state": "available"})
    await shop.client.patch(
        path, json={"name": {"en": "Midday"}, "sections": small()["sections"][:1], "formulas": []}
    )
    assert (await shop.client.post(f"{path}/publish")).json()["published_version"] == 2
    versions = (await shop.read_only.get(f"{path}/versions")).json()["items"]
    assert [(one["version"], one["ended_at"] is None) for one in versions] == [(2, True), (1, False)]
    first = (await shop.read_only.get(f"{path}/versions/1")).json()
    assert first["content_hash"] == menu["content_hash"]
    assert first["card"] == {name: menu[name] for name in first["card"]}
    assert first["sold_out"] == []
    assert (await shop.read_only.get(f"{path}/versions/3")).status_code == 404


async def test_what_was_told_of_a_moment_can_be_told_later(shop: Shop, sql: asyncpg.Connection) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    await shop.client.put(f"{path}/availability", json={"item_ids": ["leeks"], "state": "sold_out"})
    said_at = await sql.fetchval(
        "SELECT max(recorded_at) FROM menu_availability WHERE menu_id = $1", menu["menu_id"]
    )
    await shop.client.put(f"{path}/availability", json={"item_ids": ["leeks"], "state": "available"})
    then = await shop.read_only.get(f"{path}/versions/1", params={"at": said_at.isoformat()})
    assert then.json()["sold_out"] == [{"item_id": "leeks", "until": None}]
    assert (await shop.read_only.get(f"{path}/availability")).json() == {"sold_out": []}


async def test_no_statement_rewrites_what_was_published(shop: Shop, sql: asyncpg.Connection) -> None:
    menu = await published(shop)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await sql.execute("UPDATE menu_versions SET card = '{}' WHERE menu_id = $1", menu["menu_id"])


async def test_what_ran_out_is_marked_at_once_and_makes_no_version(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}/availability"
    out = {"item_ids": ["leeks", "steak"], "state": "sold_out_today"}
    told = (await shop.client.put(path, json=out)).json()["sold_out"]
    assert [one["item_id"] for one in told] == ["leeks", "steak"]
    assert told[0]["until"].endswith(("T21:00:00Z", "T22:00:00Z"))  # midnight in Helsinki
    shown = await seen(phone, menu)
    leeks = shown["sections"][0]["items"][1]
    assert (leeks["available"], leeks["sold_out_until"]) == (False, told[0]["until"])
    assert shown["sections"][0]["items"][0]["available"]
    assert shown["version"] == 1
    await shop.client.put(path, json={"item_ids": ["leeks"], "state": "available"})
    assert (await seen(phone, menu))["sections"][0]["items"][1]["available"]


async def test_what_ran_out_stays_so_in_the_next_version(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    await shop.client.put(f"{path}/availability", json={"item_ids": ["steak"], "state": "sold_out"})
    await shop.client.patch(f"{path}/items/steak", json={"description": {"fr": "Maturé."}})
    await shop.client.post(f"{path}/publish")
    steak = (await seen(phone, menu))["sections"][1]["items"][0]
    assert (steak["description"], steak["available"], steak["sold_out_until"]) == ("Maturé.", False, None)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"item_ids": ["fish"], "state": "sold_out"}, "item_ids[0]"),
        ({"item_ids": ["leeks"], "state": "sold_out", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"item_ids": ["leeks"], "state": "sold_out", "until": "3020-01-01T00:00:00Z"}, "until"),
        ({"item_ids": ["leeks"], "state": "sold_out", "until": "2040-01-01T00:00:00"}, "until"),
        ({"item_ids": ["leeks"], "state": "available", "until": "2040-01-01T00:00:00Z"}, "until"),
        ({"item_ids": [], "state": "available"}, "item_ids"),
        ({"item_ids": ["leeks"], "state": "gone"}, "state"),
    ],
)
async def test_wrong_words_about_what_ran_out_change_nothing(
    shop: Shop, said: dict[str, Any], field: str
) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}/availability"
    answer = await shop.client.put(path, json=said)
    assert answer.status_code == 400
    assert list(faults_of(answer)) == [field]
    assert (await shop.client.get(path)).json() == {"sold_out": []}


async def test_the_dish_of_the_day_is_shown_on_its_day_and_nothing_else_is_published(
    shop: Shop, phone: Phone, sql: asyncpg.Connection
) -> None:
    menu = await published(shop, specials=[])
    path = f"/v1/menus/{menu['menu_id']}"
    await shop.client.patch(f"{path}/items/leeks", json={"price_minor": 1})
    today = await sql.fetchval("SELECT (alentour_now() AT TIME ZONE 'Europe/Helsinki')::date")
    stew = small()["specials"][0]["items"]
    answer = await shop.client.put(f"{path}/specials/{today}", json={"items": stew})
    assert answer.json()["published_version"] == 2
    shown = await seen(phone, menu)
    assert [one["id"] for one in shown["specials"]] == ["dish-of-the-day"]
    assert shown["sections"][0]["items"][1]["sizes"][0]["price_minor"] == 750
    again = await shop.client.put(f"{path}/specials/{today}", json={"items": stew})
    assert again.json()["published_version"] == 2
    await shop.client.put(f"{path}/specials/2031-01-01", json={"items": stew})
    await shop.client.put(f"{path}/specials/{today}", json={"items": []})
    shown = await seen(phone, menu)
    assert (shown["version"], shown["specials"]) == (4, [])


async def test_a_menu_that_is_taken_back_is_seen_no_more_and_its_versions_stay(
    shop: Shop, phone: Phone
) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    assert (await shop.client.post(f"{path}/unpublish")).json()["status"] == "draft"
    assert (await shop.client.post(f"{path}/unpublish")).status_code == 200
    assert (await phone.get(f"{path}/card")).status_code == 404
    refused = await shop.client.delete(path)
    assert (refused.status_code, code_of(refused)) == (409, "in_use")
    assert (await shop.read_only.get(f"{path}/versions/1")).status_code == 200
    assert (await shop.client.post(f"{path}/publish")).json()["published_version"] == 2


async def test_a_draft_can_be_deleted(shop: Shop) -> None:
    menu = await written(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    assert (await shop.client.delete(path)).status_code == 204
    assert (await shop.client.get(path)).status_code == 404


async def test_an_empty_menu_is_not_published(shop: Shop) -> None:
    menu = await written(shop, sections=[], formulas=[], specials=[])
    answer = await shop.client.post(f"/v1/menus/{menu['menu_id']}/publish")
    assert faults_of(answer) == {"sections": "must have items before it is published"}


async def test_an_edit_of_what_changed_meanwhile_is_refused(shop: Shop) -> None:
    menu = await written(shop)
    path, stale = f"/v1/menus/{menu['menu_id']}", {"if-match": '"1"'}
    body = {**lunch(menu["site_id"]), "cuisines": ["thai"]}
    assert (await shop.client.put(path, json=body, headers=stale)).headers["etag"] == '"2"'
    for asked in (
        shop.client.put(path, json=body, headers=stale),
        shop.client.patch(path, json={"cuisines": []}, headers=stale),
        shop.client.patch(f"{path}/items/leeks", json={"price_minor": 1}, headers=stale),
        shop.client.post(f"{path}/publish", headers=stale),
        shop.client.delete(path, headers=stale),
    ):
        answer = await asked
        assert (answer.status_code, code_of(answer)) == (412, "changed_meanwhile")
    assert (await shop.client.get(path)).json()["cuisines"] == ["thai"]


async def test_a_merge_patch_changes_what_it_names(shop: Shop) -> None:
    menu = await written(shop, external_id="lunch")
    path = f"/v1/menus/{menu['menu_id']}"
    patch = {"name": {"en": None, "fi": "Lounas"}, "opening_hours": None, "external_id": "midday"}
    changed = (await shop.client.patch(path, json=patch)).json()
    assert changed["name"] == {"fr": "Le midi", "fi": "Lounas"}
    assert (changed["opening_hours"], changed["external_id"]) == (None, "midday")
    assert changed["sections"] == menu["sections"]
    again = await shop.client.patch(path, json={})
    assert again.json() == changed


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"name": {"fr": None}}, "name"),
        ({"site_id": 3}, "site_id"),
        ({"external_id": 3}, "external_id"),
        ({"external_id": ""}, "external_id"),
        (
            {"sections": [{"id": "a", "name": {"fr": "A"}, "items": [{"id": "x"}]}], "formulas": None},
            "sections[0].items[0]",
        ),
    ],
)
async def test_a_wrong_patch_changes_nothing(shop: Shop, patch: dict[str, Any], field: str) -> None:
    menu = await written(shop)
    path = f"/v1/menus/{menu['menu_id']}"
    answer = await shop.client.patch(path, json=patch)
    assert answer.status_code == 400
    assert field in faults_of(answer)
    assert (await shop.client.get(path)).json() == menu


async def test_a_dish_that_is_not_there_cannot_be_patched(shop: Shop) -> None:
    menu = await written(shop)
    answer = await shop.client.patch(f"/v1/menus/{menu['menu_id']}/items/fish", json={"price_minor": 1})
    assert answer.status_code == 404
    wrong = await shop.client.patch(f"/v1/menus/{menu['menu_id']}/items/leeks", json={"price_minor": -1})
    assert faults_of(wrong) == {"sections[0].items[1].price_minor": "expected `int` >= 0"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"currency": "XYZ"}, "currency"),
        ({"opening_hours": "whenever"}, "opening_hours"),
        ({"name": {"fr": "x" * 141}}, "name.fr"),
        ({"colour": "red"}, "body"),
        ({"site_id": 0}, "site_id"),
    ],
)
async def test_a_wrong_menu_is_not_created(shop: Shop, said: dict[str, Any], field: str) -> None:
    site_id = await shop.site()
    answer = await shop.client.post("/v1/menus", json={**lunch(site_id), **said})
    assert answer.status_code == 400
    assert field in faults_of(answer)
    assert (await shop.client.get("/v1/menus")).json()["items"] == []


async def test_a_menu_is_of_a_site_of_ones_own_and_stays_there(shop: Shop, other_shop: Shop) -> None:
    theirs = await other_shop.site()
    assert faults_of(await shop.client.post("/v1/menus", json=lunch(theirs))) == {
        "site_id": "there is no such site"
    }
    menu = await written(shop)
    second = await shop.site("second")
    moved = await shop.client.put(f"/v1/menus/{menu['menu_id']}", json=lunch(second))
    assert faults_of(moved) == {"site_id": "cannot change"}
    assert (await other_shop.client.get(f"/v1/menus/{menu['menu_id']}")).status_code == 404


async def test_an_external_id_is_given_once(shop: Shop, other_shop: Shop) -> None:
    first = await written(shop, external_id="lunch")
    answer = await shop.client.post("/v1/menus", json=lunch(first["site_id"], external_id="lunch"))
    assert (answer.status_code, code_of(answer)) == (409, "already_exists")
    second = await written(shop, site_id=first["site_id"])
    taken = await shop.client.patch(f"/v1/menus/{second['menu_id']}", json={"external_id": "lunch"})
    assert (taken.status_code, code_of(taken)) == (409, "already_exists")
    assert (await written(other_shop, external_id="lunch"))["external_id"] == "lunch"


async def test_creating_twice_with_one_key_makes_one(shop: Shop) -> None:
    site_id = await shop.site()
    headers = {"idempotency-key": uuid4().hex}
    answers = [await shop.client.post("/v1/menus", json=lunch(site_id), headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()


async def test_a_site_with_a_published_menu_is_not_deleted(shop: Shop, sql: asyncpg.Connection) -> None:
    menu = await published(shop)
    site, path = f"/v1/sites/by-id/{menu['site_id']}", f"/v1/menus/{menu['menu_id']}"
    assert code_of(await shop.client.delete(site)) == "in_use"
    await shop.client.post(f"{path}/unpublish")
    assert (await shop.client.delete(site)).status_code == 204
    assert await sql.fetchval("SELECT count(*) FROM menu_versions WHERE menu_id = $1", menu["menu_id"]) == 0


async def test_a_phone_reads_its_language_else_the_menus_own(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    finnish = await seen(phone, menu)
    english = await seen(phone, menu, **{"accept-language": "de, en-GB;q=0.8, fr;q=0.5"})
    assert (finnish["language"], finnish["name"]) == ("fr", "Le midi")
    assert (english["language"], english["name"], english["languages"]) == ("en", "Lunch", ["fr", "en"])
    soup, leeks = english["sections"][0]["items"]
    assert soup["description"] == "Gratinée au comté.\nServie brûlante."  # nobody translated it
    assert soup["allergens_text"] == (
        "Contains: cereals containing gluten, milk (with lactose). May contain traces of: celery."
    )
    assert leeks["allergens_text"] == "None of the 14 allergens declared."
    assert (leeks["allergens"], english["sections"][1]["items"][0]["allergens"]) == ([], None)
    assert "please ask" in english["sections"][1]["items"][0]["allergens_text"]
    formula = english["formulas"][0]
    assert formula["courses"][1]["item_ids"] == ["steak"]
    assert formula["courses"][1]["supplements"] == {"steak": 300}


async def test_a_phone_that_has_the_answer_is_told_so(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    path = f"/v1/menus/{menu['menu_id']}/card"
    first = await phone.get(path)
    known = {"if-none-match": first.headers["etag"]}
    assert (await phone.get(path, headers=known)).status_code == 304
    await shop.client.put(
        f"/v1/menus/{menu['menu_id']}/availability", json={"item_ids": ["leeks"], "state": "sold_out"}
    )
    assert (await phone.get(path, headers=known)).status_code == 200


async def test_menus_that_are_served_now_come_first(shop: Shop, phone: Phone) -> None:
    site_id = await shop.site(opening_hours="24/7")
    shut = await published(shop, site_id=site_id)
    await shop.client.patch(f"/v1/menus/{shut['menu_id']}", json={"opening_hours": "2020 Jan 01 10:00-11:00"})
    await shop.client.post(f"/v1/menus/{shut['menu_id']}/publish")
    served = await published(shop, site_id=site_id)
    answer = (await phone.get(f"/v1/sites/{site_id}/menus", params={"form": "compact"})).json()
    assert [(one["menu_id"], one["open_now"]) for one in answer["menus"]] == [
        (served["menu_id"], True),
        (shut["menu_id"], False),
    ]
    assert answer["menus"][0].keys() == {
        "menu_id", "site_id", "version", "content_hash", "published_at", "name", "language", "languages",
        "cuisines", "currency", "opening_hours", "open_now", "closes_at", "opens_at", "items",
        "price_from_minor", "price_to_minor",
    }  # fmt: skip
    assert [answer["menus"][0][one] for one in ("items", "price_from_minor", "price_to_minor")] == [
        3,
        750,
        2700,
    ]


async def test_a_stopped_retailer_shows_no_menus(shop: Shop, phone: Phone) -> None:
    menu = await published(shop)
    await shop.client.post(f"/v1/retailers/{shop.retailer_id}/stop")
    assert (await phone.get(f"/v1/menus/{menu['menu_id']}/card")).status_code == 404


async def test_a_site_that_is_not_there_has_no_menus(phone: Phone) -> None:
    assert code_of(await phone.get("/v1/sites/999999999/menus")) == "not_found"


async def test_the_address_of_menus_takes_no_external_id_away(shop: Shop) -> None:
    site = {"name": "Bread", "lat": 60.1, "lon": 24.9, "time_zone": "Europe/Helsinki"}
    assert (await shop.client.put("/v1/sites/12/menus", json=site)).status_code == 201
    sites = (await shop.client.get("/v1/sites", params={"external_id": "12/menus"})).json()["items"]
    assert [one["external_id"] for one in sites] == ["12/menus"]


async def test_the_allergens_are_printed_dish_by_dish(shop: Shop) -> None:
    menu = await published(
        shop, sections=[{**small()["sections"][0], "name": {"fr": "<Entrées>"}}], formulas=[]
    )
    path = f"/v1/menus/{menu['menu_id']}/allergens"
    french = await shop.read_only.get(path, headers={"accept-language": "fr"})
    assert french.headers["content-type"].startswith("text/html")
    assert french.headers["content-language"] == "fr"
    assert "&lt;Entrées&gt;" in french.text
    assert "Peut contenir des traces de : céleri." in french.text
    assert "Version 1 de la carte." in french.text
    english = await shop.read_only.get(path, headers={"accept-language": "en"})
    assert english.text.count('<th scope="col">') == 2 * (14 + 2)


async def test_what_filters_read_follows_what_is_published(shop: Shop, sql: asyncpg.Connection) -> None:
    menu = await published(shop)
    rows = await sql.fetch(
        "SELECT item_id, kind, price_minor, price_to_minor, allergens, traces, diets, special_on IS NOT NULL"
        " FROM menu_items WHERE menu_id = $1 ORDER BY item_no",
        menu["menu_id"],
    )
    gluten, milk, celery = 1 << 0, 1 << 6, 1 << 8
    assert [tuple(row) for row in rows] == [
        ("onion-soup", "item", 900, 900, gluten | milk, celery, 0, False),
        ("leeks", "item", 750, 750, 0, 0, (1 << 9) | (1 << 10), False),
        ("steak", "item", 1800, 2700, None, 0, 0, False),
        ("starter-main", "formula", 2400, 2400, None, 0, 0, False),
        ("dish-of-the-day", "special", 1550, 1550, milk, 0, 0, True),
    ]
    head = await sql.fetchrow("SELECT * FROM published_menus WHERE menu_id = $1", menu["menu_id"])
    assert (head["languages"], head["cuisines"], head["items"]) == (["fr", "en"], ["french"], 3)
    await shop.client.post(f"/v1/menus/{menu['menu_id']}/unpublish")
    assert await sql.fetchval("SELECT count(*) FROM menu_items WHERE menu_id = $1", menu["menu_id"]) == 0
