"""Menus around over HTTP: what is asked, in which words, and what of somebody's own it may use."""

from __future__ import annotations

import itertools
import json
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.phones import Phone, code_of, new_phone, no, yes
from tests.http.shops import Shop, faults_of, other_shop, shop, sql
from tests.menus.cards import small
from tests.world import NOON

__all__ = ["other_shop", "shop", "sql"]  # fixtures

# Far from any other test's sites, on the 0.01° grid, so that a coarse answer sees the same middle.
_islands = itertools.count(1)


class Street:
    """Restaurants with one menu each, by degrees north of a middle of their own."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.lat, self.lon = -20.0, -170.0 + next(_islands)

    async def serves(self, name: str, north_m: float = 0.0, **card: Any) -> int:
        """A menu with one dish; its id."""
        dish = {"id": "dish", "name": {"fr": "Plat", "en": "Dish"}, "price_minor": 1_200}
        dish |= {key: card.pop(key) for key in ("allergens", "diets") if key in card}
        where = {"lat": self.lat + north_m / 110_700, "lon": self.lon}
        site_id = await self.shop.site(name, kind="restaurant", opening_hours="24/7", **where)
        sections = [{"id": "all", "name": {"fr": "Tout", "en": "All"}, "items": [dish]}]
        body = {
            "site_id": site_id,
            **small(sections=sections, formulas=[], specials=[], opening_hours=None, **card),
        }
        menu = await self.shop.client.post("/v1/menus", json=body)
        assert menu.status_code == 201, menu.text
        menu_id: int = menu.json()["menu_id"]
        published = await self.shop.client.post(f"/v1/menus/{menu_id}/publish")
        assert published.status_code == 200, published.text
        return menu_id

    async def asked(self, phone: Phone, **params: Any) -> httpx.Response:
        headers = params.pop("headers", {})
        where = {"lat": self.lat, "lon": self.lon, "kinds": "menu"}
        return await phone.get("/v1/nearby", params={**where, **params}, headers=headers)

    async def found(self, phone: Phone, **params: Any) -> list[dict[str, Any]]:
        answer = await self.asked(phone, **params)
        assert answer.status_code == 200, answer.text
        menus: list[dict[str, Any]] = answer.json()["menus"]
        return menus


def ids(menus: list[dict[str, Any]]) -> list[int]:
    return [menu["menu_id"] for menu in menus]


@pytest.fixture
def street(shop: Shop) -> Street:
    return Street(shop)


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    one = await new_phone(http, language="en")
    await one.answers(yes("location_offers"))
    return one


async def test_menus_come_instead_of_sites_and_sites_without_menus_as_before(street, phone):
    menu_id = await street.serves("first", 100)
    await street.shop.site("bare", kind="restaurant", lat=street.lat, lon=street.lon)
    answer = (await street.asked(phone)).json()
    assert (answer["items"], ids(answer["menus"]), answer["coarse"]) == ([], [menu_id], False)
    sites = (await street.asked(phone, kinds="restaurant")).json()
    assert (len(sites["items"]), sites["menus"]) == (2, [])


async def test_a_menu_in_a_list_says_where_what_and_how_far(street, phone):
    menu_id = await street.serves("first", 400)
    (menu,) = await street.found(phone, language="fr")
    assert (menu["menu_id"], menu["name"], menu["language"]) == (menu_id, "Le midi", "fr")
    assert menu["distance_m"] == pytest.approx(400, rel=0.01)
    assert menu["walk_m"] == pytest.approx(1.3 * menu["distance_m"], rel=0.01)
    assert (menu["walk_min"], menu["open_now"], menu["sponsored"]) == (7, True, False)
    assert (menu["main_from_minor"], menu["fitting"], menu["currency"]) == (1_200, 1, "EUR")
    assert "dishes" not in menu
    assert (await phone.get(f"/v1/menus/{menu_id}/card")).json()["version"] == menu["version"]


async def test_the_full_form_has_the_dishes_that_fit(street, phone):
    await street.serves("first", allergens=[], diets=["vegan"])
    (menu,) = await street.found(phone, form="full", diet="vegetarian", without="milk")
    assert menu["dishes"] == [
        {
            "id": "dish", "name": "Dish", "price_from_minor": 1_200, "price_to_minor": 1_200,
            "allergens": [], "traces": [], "diets": ["vegan"],
        }
    ]  # fmt: skip


async def test_every_filter_narrows_the_list(street, phone):
    sushi = await street.serves("sushi", cuisines=["sushi"], allergens=["fish"])
    vegan = await street.serves("vegan", 50, cuisines=["french"], allergens=[], diets=["vegan"])
    plain = await street.serves("plain", 100, cuisines=["french"], allergens=None)
    for params, expected in (
        ({}, [sushi, vegan, plain]),
        ({"without": "fish"}, [vegan]),
        ({"without": "nuts, milk"}, [sushi, vegan]),
        ({"diet": "vegan"}, [vegan]),
        ({"cuisine": "Sushi,thai"}, [sushi]),
        ({"cuisine": "french", "without": "gluten"}, [vegan]),
        ({"max_price_minor": 1_199, "currency": "EUR"}, []),
        ({"max_price_minor": 1_200, "currency": "EUR"}, [sushi, vegan, plain]),
        ({"currency": "SEK"}, []),
        ({"open_now": True, "limit": 2}, [sushi, vegan]),
        ({"kinds": "menu,cafe"}, []),
        ({"kinds": "restaurant,menu"}, [sushi, vegan, plain]),
    ):
        assert ids(await street.found(phone, **params)) == expected, params


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"without": "pollen"}, {"without"}),
        ({"diet": "mine,paleo"}, {"diet"}),
        ({"without": "pollen", "diet": "paleo", "max_price_minor": 5}, {"without", "diet", "currency"}),
        ({"cuisine": ",".join("abcdefghijklmnopqrstuvw")}, {"cuisine"}),
        ({"kinds": "shop", "diet": "vegan", "open_now": True}, {"diet", "open_now"}),
        ({"radius_m": 0}, {"radius_m"}),
        ({"currency": "euro"}, {"currency"}),
        ({"open_now": "later"}, {"open_now"}),
        ({"max_price_minor": -1, "currency": "EUR"}, {"max_price_minor"}),
        ({"form": "card"}, {"form"}),
    ],
)
async def test_what_cannot_be_looked_for_names_its_parameter(street, phone, params, fields):
    answer = await street.asked(phone, **params)
    assert (answer.status_code, set(faults_of(answer))) == (400, fields)


async def test_without_consent_to_location_the_position_is_rounded_first(street, http):
    await street.serves("first", 0)
    phone = await new_phone(http)
    answer = (await street.asked(phone, lat=street.lat + 0.0041, lon=street.lon - 0.0041)).json()
    assert (answer["coarse"], answer["lat"], answer["lon"]) == (True, street.lat, street.lon)
    assert answer["menus"][0]["distance_m"] == 0


async def test_the_same_answer_is_not_sent_twice_and_no_cache_keeps_where_somebody_is(street, phone):
    await street.serves("first")
    first = await street.asked(phone)
    assert first.headers["cache-control"] == "no-store"
    again = await street.asked(phone, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await street.serves("second", 100)
    assert (await street.asked(phone, headers={"if-none-match": first.headers["etag"]})).status_code == 200


async def test_interests_bring_a_kitchen_forward_only_with_consent_to_personalisation(street, phone):
    french = await street.serves("french", cuisines=["french"])
    thai = await street.serves("thai", 300, cuisines=["thai"])
    await phone.patch("/v1/me/preferences", {"interests": ["Thai"]})
    assert ids(await street.found(phone)) == [french, thai]
    await phone.answers(yes("personalisation"))
    await phone.patch("/v1/me/preferences", {"interests": ["Thai"]})
    assert ids(await street.found(phone)) == [thai, french]
    await phone.answers(no("personalisation"))
    assert ids(await street.found(phone)) == [french, thai]


async def test_an_offer_that_leads_to_a_menu_buys_it_no_place(street, phone, sql: asyncpg.Connection):
    near, far = await street.serves("near"), await street.serves("far", 200)
    before = await street.found(phone)
    await sql.execute(
        "INSERT INTO offers (retailer_id, status, content, triggers, channel, priority, site_ids, menu_id,"
        " created_at, updated_at) SELECT retailer_id, 'active', $2, '{nearby}', 'push', 100,"
        " ARRAY[site_id], menu_id, $3, $3 FROM published_menus WHERE menu_id = $1",
        *(far, json.dumps({"en": {"title": "Come", "text": "Half price"}}), NOON),
    )
    after = await street.found(phone)
    assert after == before
    assert (ids(after), {menu["sponsored"] for menu in after}) == ([near, far], {False})


# What is kept of what somebody eats ---------------------------------------------------------------


async def eats(phone: Phone, **said: Any) -> None:
    body = {"allergens": [], "diets": [], **said}
    answer = await phone.http.put("/v1/me/diet", json=body, headers=phone.headers)
    assert answer.status_code == 200, answer.text


async def test_mine_is_what_is_kept_and_goes_along_with_what_is_asked(street, phone):
    await phone.answers(yes("dietary"))
    both = await street.serves("both", allergens=["milk"], diets=["vegetarian"])
    vegan = await street.serves("vegan", 100, allergens=[], diets=["vegan"])
    await street.serves("nuts", 200, allergens=["nuts"], diets=["vegetarian"])
    await street.serves("silent", 300, diets=["vegetarian"])
    await eats(phone, allergens=["nuts"], diets=["vegetarian"])
    assert ids(await street.found(phone, diet="mine")) == [both, vegan]
    assert ids(await street.found(phone, diet="mine", without="milk")) == [vegan]
    assert ids(await street.found(phone, diet="mine,vegan")) == [vegan]


async def test_mine_is_refused_without_the_consent_and_where_nothing_is_kept(street, phone):
    await street.serves("first")
    refused = await street.asked(phone, diet="mine")
    assert (refused.status_code, code_of(refused)) == (403, "no_dietary_consent")
    await phone.answers(yes("dietary"))
    missing = await street.asked(phone, diet="mine")
    assert (missing.status_code, code_of(missing)) == (404, "not_found")
    await eats(phone, allergens=["nuts"])
    assert await street.found(phone, diet="mine") == []
    await phone.answers(no("dietary"))
    assert code_of(await street.asked(phone, diet="mine")) == "no_dietary_consent"


async def test_a_kept_diet_filters_nothing_that_does_not_ask_for_it(street, phone):
    menu_id = await street.serves("first", allergens=["nuts"])
    await phone.answers(yes("dietary"))
    await eats(phone, allergens=["nuts"])
    assert ids(await street.found(phone)) == [menu_id]
