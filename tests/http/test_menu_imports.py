"""Menus brought in as JSON, JSON-LD and CSV, and taken out again without loss."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.phones import code_of, new_phone
from tests.http.shops import Shop, faults_of, other_shop, shop, sql
from tests.menus.cards import real_sized, small

__all__ = ["other_shop", "shop", "sql"]  # fixtures

TYPES = {"json": "application/json", "json_ld": "application/ld+json", "csv": "text/csv"}


def row(**said: Any) -> dict[str, Any]:
    return {"external_id": "lunch", "site_external_id": "paris", **small(), **said}


async def imported(shop: Shop, body: Any, form: str = "json", **query: Any) -> httpx.Response:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"content-type": TYPES[form]}
    return await shop.client.post("/v1/menus/import", content=content, headers=headers, params=query)


async def exported(shop: Shop, form: str) -> str:
    answer = await shop.read_only.get("/v1/menus/export", params={"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(TYPES[form])
    return answer.text


async def menus_of(shop: Shop) -> list[Any]:
    listed = (await shop.read_only.get("/v1/menus")).json()["items"]
    return [(await shop.read_only.get(f"/v1/menus/{one['menu_id']}")).json() for one in listed]


async def test_a_real_card_goes_in_as_json_out_as_json_ld_and_comes_back_without_loss(
    shop: Shop, other_shop: Shop
) -> None:
    """150 items in French and English, two sizes, supplements, allergens; and one with formulas."""
    cards = [row(external_id="big", **real_sized(), status="published"), row()]
    for one in (shop, other_shop):
        await one.site("paris", kind="restaurant")
    first = await imported(shop, {"menus": cards})
    assert first.json() | {"created": 2, "errors": []} == first.json(), first.text
    as_json, linked = await exported(shop, "json"), await exported(shop, "json_ld")
    again = await imported(other_shop, linked, "json_ld")
    assert again.json()["created"] == 2, again.text
    assert json.loads(await exported(other_shop, "json")) == json.loads(as_json)
    assert await exported(other_shop, "json_ld") == linked
    hashes = [[one["content_hash"] for one in await menus_of(each)] for each in (shop, other_shop)]
    assert hashes[0] == hashes[1]
    assert [one["status"] for one in await menus_of(other_shop)] == ["published", "draft"]


async def test_a_card_goes_out_as_csv_and_comes_back_but_its_formulas(shop: Shop, other_shop: Shop) -> None:
    for one in (shop, other_shop):
        await one.site("paris")
    await imported(shop, {"menus": [row(external_id="big", **real_sized()), row()]})
    table = await exported(shop, "csv")
    again = await imported(other_shop, table, "csv")
    assert again.json()["created"] == 2, again.text
    big, lunch = await menus_of(other_shop)
    theirs = await menus_of(shop)
    assert big["content_hash"] == theirs[0]["content_hash"]
    assert lunch["sections"] == theirs[1]["sections"]
    assert (lunch["formulas"], lunch["specials"]) == ([], [])


async def test_a_table_leaves_formulas_and_specials_that_are_there(shop: Shop) -> None:
    await shop.site("paris")
    await imported(shop, {"menus": [row()]})
    dearer = (await exported(shop, "csv")).replace(",7.50,", ",7.90,")
    report = await imported(shop, dearer, "csv")
    assert report.json()["updated"] == 1, report.text
    (lunch,) = await menus_of(shop)
    assert lunch["sections"][0]["items"][1]["price_minor"] == 790
    assert (len(lunch["formulas"]), len(lunch["specials"])) == (1, 1)


async def test_an_import_again_changes_nothing(shop: Shop) -> None:
    await shop.site("paris")
    for counted in ("created", "unchanged"):
        report = (await imported(shop, {"menus": [row(status="published")]})).json()
        assert report[counted] == 1
    assert [one["published_version"] for one in await menus_of(shop)] == [1]


async def test_what_is_imported_as_published_is_seen_and_a_draft_takes_nothing_back(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    site_id = await shop.site("paris", opening_hours="24/7")
    await imported(shop, {"menus": [row(status="published")]})
    await imported(shop, {"menus": [row(cuisines=["thai"])]})
    phone = await new_phone(http)
    (seen,) = (await phone.get(f"/v1/sites/{site_id}/menus")).json()["menus"]
    assert (seen["version"], seen["cuisines"]) == (1, ["french"])


async def test_a_dry_run_tells_all_and_writes_nothing(shop: Shop, sql: asyncpg.Connection) -> None:
    await shop.site("paris")
    report = (await imported(shop, {"menus": [row(status="published")]}, dry_run=True)).json()
    assert (report["dry_run"], report["created"]) == (True, 1)
    assert await menus_of(shop) == []
    assert (
        await sql.fetchval("SELECT count(*) FROM published_menus WHERE retailer_id = $1", shop.retailer_id)
        == 0
    )


def wrong_card() -> dict[str, Any]:
    card = row(external_id="evening", formulas=[])
    card["sections"][0]["items"][0]["price_minor"] = -1
    card["sections"][0]["items"][1]["allergens"] = ["wheat"]
    card["sections"][1]["items"][0]["diets"] = ["paleo"]
    return card


async def test_one_wrong_dish_refuses_all_and_every_wrong_one_is_told(shop: Shop) -> None:
    await shop.site("paris")
    answer = await imported(shop, {"menus": [row(), wrong_card()]})
    assert (answer.status_code, code_of(answer)) == (400, "rows_refused")
    assert set(faults_of(answer)) == {
        "menus[1].sections[0].items[0].price_minor"
    }  # what has no price yet is read first
    assert await menus_of(shop) == []
    card = wrong_card()
    card["sections"][0]["items"][0]["price_minor"] = 1
    told = faults_of(await imported(shop, {"menus": [row(), card]}))
    assert set(told) == {
        "menus[1].sections[0].items[1].allergens[0]",
        "menus[1].sections[1].items[0].diets[0]",
    }
    partly = (await imported(shop, {"menus": [row(), card]}, partial=True)).json()
    assert (partly["created"], partly["refused"], len(partly["errors"])) == (1, 1, 2)
    assert [one["external_id"] for one in await menus_of(shop)] == ["lunch"]


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"site_external_id": "nowhere"}, "site_external_id", "there is no such site"),
        ({"site_external_id": None}, "site_external_id", "is needed, or site_id"),
        ({"site_id": 1}, "site_external_id", "not both"),
        ({"external_id": ""}, "external_id", "must be 1 to 200"),
        ({"status": "ended"}, "status", "must be one of draft, published"),
        ({"currency": "EURO"}, "currency", "ISO 4217"),
        ({"opening_hours": "at noon"}, "opening_hours", "is not understood"),
    ],
)
async def test_a_wrong_head_is_told_by_its_row(
    shop: Shop, said: dict[str, Any], field: str, reason: str
) -> None:
    await shop.site("paris")
    told = faults_of(await imported(shop, {"menus": [row(**said)]}))
    assert reason in told[f"menus[0].{field}"]
    assert await menus_of(shop) == []


async def test_two_rows_of_one_name_are_refused(shop: Shop) -> None:
    await shop.site("paris")
    told = faults_of(await imported(shop, {"menus": [row(), row()]}))
    assert told == {"menus[1].external_id": "is the same as that of menus[0]"}


async def test_a_menu_cannot_move_to_another_site(shop: Shop) -> None:
    await shop.site("paris")
    await shop.site("lyon")
    await imported(shop, {"menus": [row()]})
    told = faults_of(await imported(shop, {"menus": [row(site_external_id="lyon")]}))
    assert told == {"menus[0].site_external_id": "is not where this menu is; a menu cannot move"}


async def test_another_tenants_site_is_not_there(shop: Shop, other_shop: Shop) -> None:
    theirs = await other_shop.site("paris")
    told = faults_of(await imported(shop, {"menus": [row(site_external_id=None, site_id=theirs)]}))
    assert told == {"menus[0].site_external_id": "there is no such site"}


@pytest.mark.parametrize(
    ("body", "form", "status"),
    [
        ({"menus": []}, "json", 400),
        ({"menus": {}}, "json", 400),
        ([], "json", 400),
        ("{", "json", 400),
        ({"@type": "Restaurant"}, "json_ld", 400),
        ("{", "json_ld", 400),
        ('{"@type": "Menu", "name": NaN}', "json_ld", 400),
        ("", "csv", 400),
        ("menu,site,colour\nlunch,paris,red\n", "csv", 400),
        ("menu,site\nlunch,paris\n", "csv", 400),
    ],
)
async def test_what_is_no_menus_is_refused(shop: Shop, body: Any, form: str, status: int) -> None:
    answer = await imported(shop, body, form)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


LINKED: dict[str, Any] = {
    "@context": "https://schema.org",
    "@graph": [
        {
            "@type": "Restaurant",
            "identifier": "paris",
            "hasMenu": {
                "@type": "Menu",
                "identifier": "web",
                "inLanguage": "en",
                "name": "Dinner",
                "hasMenuSection": {
                    "name": "Mains",
                    "hasMenuItem": [
                        {"name": "Fish", "offers": {"price": 19.99, "priceCurrency": "EUR"}},
                        {"name": "Beef", "offers": {"price": "24.50", "priceCurrency": "EUR"}},
                    ],
                },
            },
        }
    ],
}


async def test_what_a_website_says_is_imported_to_the_cent(shop: Shop) -> None:
    await shop.site("paris")
    assert (await imported(shop, LINKED)).json()["created"] == 1  # told by its keywords, too
    (menu,) = await menus_of(shop)
    assert [(one["id"], one["price_minor"]) for one in menu["sections"][0]["items"]] == [
        ("fish", 1999),
        ("beef", 2450),
    ]


async def test_what_is_wrong_in_linked_data_is_told_where_it_stands(shop: Shop) -> None:
    await shop.site("paris")
    wrong = json.loads(json.dumps(LINKED))
    dishes = wrong["@graph"][0]["hasMenu"]["hasMenuSection"]["hasMenuItem"]
    dishes[0]["offers"]["price"] = -1
    dishes[1]["offers"]["priceCurrency"] = "USD"
    at = "@graph[0].hasMenu.hasMenuSection.hasMenuItem"
    assert set(faults_of(await imported(shop, wrong, "json_ld"))) == {
        f"{at}[0].offers.price",
        f"{at}[1].offers.priceCurrency",
    }
    wrong["@graph"][0]["identifier"] = "lyon"
    assert await menus_of(shop) == []


HEAD = (
    "menu,site,language,currency,menu.name.fr,section,section.name.fr,item,name.fr,price,size,size.name.fr,"
    "add_on,allergens"
)


def table(*lines: str) -> str:
    first = "lunch,paris,fr,EUR,Midi,mains,Plats,"
    rest = "lunch,,,,,mains,,"
    return "\n".join([HEAD, *(f"{rest if n else first}{line}" for n, line in enumerate(lines))])


async def test_a_table_written_by_hand_is_imported(shop: Shop) -> None:
    await shop.site("paris")
    body = table(
        "soup,Soupe,4.50,small,Bol,,none",
        "soup,,6.5,large,Assiette,,",
        "soup,Pain,0,,,bread,gluten",
        "steak,Steak,18,,,,",
    )
    report = await imported(shop, body, "csv")
    assert report.json()["created"] == 1, report.text
    soup, steak = (await menus_of(shop))[0]["sections"][0]["items"]
    assert [(size["id"], size["price_minor"]) for size in soup["sizes"]] == [("small", 450), ("large", 650)]
    assert (soup["allergens"], soup["add_ons"][0]["allergens"], steak["allergens"]) == ([], ["gluten"], None)
    assert steak["price_minor"] == 1800


async def test_a_table_with_semicolons_has_commas_in_prices(shop: Shop) -> None:
    await shop.site("paris")
    body = table("soup,Soupe,4.50,,,,").replace(",", ";").replace("4.50", "4,50")
    assert (await imported(shop, body, "csv")).json()["created"] == 1
    assert (await menus_of(shop))[0]["sections"][0]["items"][0]["price_minor"] == 450


@pytest.mark.parametrize(
    ("lines", "field", "reason"),
    [
        (["soup,Soupe,-4,,,,"], "rows[2].price", "none is negative"),
        (["soup,Soupe,4.505,,,,"], "rows[2].price", "is not a price in EUR"),
        (["soup,Soupe,,,,,"], "rows[2].price", "is missing"),
        (["soup,Soupe,4,,,,wheat"], "rows[2].allergens[0]", "14 allergens"),
        (["soup,Soupe,4,,,,", "soup,Soupe,5,,,,"], "rows[3].item", "is the same as"),
        (["soup,Soupe,4,,,bread,"], "rows[2].add_on", "stands before its item"),
        (["soup," + "x" * 141 + ",4,,,,"], "rows[2].name.fr", "1 to 140"),
        (["soup,Soupe,4,a,A,,", "soup,,5,a,A,,"], "rows[3].size", "is the same as"),
    ],
)
async def test_what_is_wrong_in_a_table_is_told_by_row_and_column(
    shop: Shop, lines: list[str], field: str, reason: str
) -> None:
    await shop.site("paris")
    told = faults_of(await imported(shop, table(*lines), "csv"))
    assert field in told, told
    assert reason in told[field]
    assert await menus_of(shop) == []


async def test_two_lines_that_disagree_about_their_menu_are_refused(shop: Shop) -> None:
    await shop.site("paris")
    body = table("soup,Soupe,4,,,,", "fish,Poisson,9,,,,").replace("lunch,,,,,mains", "lunch,,en,,,mains")
    assert faults_of(await imported(shop, body, "csv")) == {
        "rows[3].language": "is not what another line of this menu says"
    }


async def test_no_cell_of_a_table_is_taken_for_a_formula(shop: Shop) -> None:
    await shop.site("paris")
    card = row(formulas=[], specials=[])
    card["sections"][0]["items"][0]["name"]["fr"] = "=cmd()"
    await imported(shop, {"menus": [card]})
    text = await exported(shop, "csv")
    assert "'=cmd()" in text
    assert (await imported(shop, text, "csv")).json()["unchanged"] == 1


async def test_a_menu_without_a_name_of_its_own_is_found_again_by_its_export(shop: Shop) -> None:
    site_id = await shop.site("paris")
    await shop.client.post("/v1/menus", json={"site_id": site_id, **small()})
    body = json.loads(await exported(shop, "json"))
    report = (await imported(shop, body)).json()
    assert (report["created"], report["updated"]) == (0, 1)  # it keeps the name
    assert (await imported(shop, body)).json()["unchanged"] == 1
