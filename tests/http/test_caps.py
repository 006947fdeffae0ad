"""Caps and defaults over HTTP: who sets which, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.shops import Shop, admin, faults_of, other_shop, shop, sql, version_of

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


@pytest.fixture(autouse=True)
async def leave_the_system_as_it_was(sql: asyncpg.Connection) -> AsyncIterator[None]:
    """The server is shared by the whole session, and so are its system caps and defaults."""
    newest = await sql.fetchval("SELECT max(cap_id) FROM caps")
    yield
    await sql.execute("DELETE FROM caps WHERE cap_id > $1", newest)
    await sql.execute("UPDATE defaults SET quiet_start = '21:00', quiet_end = '08:00'")
    await sql.execute("UPDATE config_version SET version = version + 1")


def weekly(**said: Any) -> dict[str, Any]:
    return {"scope": "retailer", "at_most": 3, "window": {"calendar": "week"}, **said}


async def create(client: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    answer = await client.post("/v1/caps", json=weekly(**said))
    assert answer.status_code == 201, answer.text
    cap: dict[str, Any] = answer.json()
    return cap


async def test_a_new_system_has_its_first_caps(shop: Shop) -> None:
    caps = (await shop.client.get("/v1/caps")).json()["items"]

    said = {(cap["scope"], cap["at_most"], cap["window"].get("calendar")) for cap in caps}
    assert {("system", 2, "day"), ("system", 6, "week"), ("each_retailer", 1, "day")} <= said


async def test_a_retailer_sets_caps_of_its_own(shop: Shop) -> None:
    offer = await shop.offer()
    calendar = await create(shop.client, channel="push", tag="soup")
    rolling = await create(
        shop.client, scope="offer", offer_id=offer["offer_id"], at_most=1, window={"rolling_s": 3600}
    )

    caps = (await shop.client.get("/v1/caps")).json()["items"]

    assert [cap for cap in caps if cap["retailer_id"] is not None] == [calendar, rolling]
    assert (calendar["window"], calendar["channel"], calendar["tag"]) == (
        {"calendar": "week"},
        "push",
        "soup",
    )
    assert (rolling["window"], rolling["offer_id"]) == ({"rolling_s": 3600}, offer["offer_id"])


async def test_a_cap_is_read_by_whoever_it_concerns(
    shop: Shop, other_shop: Shop, admin: httpx.AsyncClient
) -> None:
    own = await create(shop.client)
    system = (await shop.client.get("/v1/caps")).json()["items"][0]
    path = f"/v1/caps/{own['cap_id']}"

    for client in (shop.client, shop.read_only, admin):
        assert (await client.get(path)).json() == own
    assert (await other_shop.client.get(path)).status_code == 404
    assert (await shop.client.get(f"/v1/caps/{system['cap_id']}")).json() == system
    assert (await admin.get(path, params={"retailer_id": other_shop.retailer_id})).status_code == 404
    assert (await admin.get("/v1/caps", params={"retailer_id": 2**62})).status_code == 404


async def test_a_cap_that_has_changed_meanwhile_is_neither_edited_nor_deleted(shop: Shop) -> None:
    cap = await create(shop.client)
    path = f"/v1/caps/{cap['cap_id']}"
    etag = {"if-match": (await shop.client.get(path)).headers["etag"]}
    same = await shop.client.put(path, json=weekly(), headers=etag)
    first = await shop.client.put(path, json=weekly(at_most=2), headers=etag)

    assert (same.headers["etag"], first.headers["etag"]) == ('"1"', '"2"')
    for stale in (
        await shop.client.put(path, json=weekly(at_most=1), headers=etag),
        await shop.client.delete(path, headers=etag),
    ):
        assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert (await shop.client.get(path)).json()["at_most"] == 2


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown scope", {"scope": "galaxy"}, "scope"),
    ("minus one", {"at_most": -1}, "at_most"),
    ("too many", {"at_most": 10_001}, "at_most"),
    ("half a delivery", {"at_most": 0.5}, "at_most"),
    ("no window", {"window": {}}, "window"),
    ("two windows", {"window": {"rolling_s": 60, "calendar": "day"}}, "window"),
    ("a short window", {"window": {"rolling_s": 59}}, "window.rolling_s"),
    ("an unknown unit", {"window": {"calendar": "year"}}, "window.calendar"),
    ("an unknown channel", {"channel": "fax"}, "channel"),
    ("an empty tag", {"tag": ""}, "tag"),
    ("an offer in the wrong scope", {"offer_id": 1}, "offer_id"),
    ("no offer in its scope", {"scope": "offer"}, "offer_id"),
    ("an unknown member", {"atmost": 1}, "atmost"),
]


@pytest.mark.parametrize(("said", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_refused_cap_names_the_field_and_leaves_nothing(
    shop: Shop, sql: asyncpg.Connection, said: dict[str, Any], field: str
) -> None:
    before = await version_of(sql)

    answer = await shop.client.post("/v1/caps", json=weekly(**said))

    assert answer.status_code == 400
    faults = faults_of(answer)
    assert any(field == name or field in reason for name, reason in faults.items()), faults
    assert await sql.fetchval("SELECT count(*) FROM caps WHERE retailer_id = $1", shop.retailer_id) == 0
    assert await version_of(sql) == before


async def test_the_systems_caps_are_the_admins(shop: Shop, admin: httpx.AsyncClient) -> None:
    for scope in ("system", "each_retailer"):
        assert (await shop.client.post("/v1/caps", json=weekly(scope=scope))).status_code == 403
    cap = await create(admin, scope="each_retailer")
    path = f"/v1/caps/{cap['cap_id']}"

    seen = (await shop.client.get("/v1/caps", params={"limit": 200})).json()["items"]
    assert cap in seen
    assert (await shop.client.put(path, json=weekly(scope="each_retailer"))).status_code == 403
    assert (await shop.client.delete(path)).status_code == 403
    edited = await admin.put(path, json=weekly(scope="each_retailer", at_most=0))
    assert (edited.status_code, edited.json()["at_most"]) == (200, 0)
    assert (await admin.delete(path)).status_code == 204


async def test_an_admin_sets_a_retailers_cap_by_naming_it(shop: Shop, admin: httpx.AsyncClient) -> None:
    nobody = await admin.post("/v1/caps", json=weekly())
    cap = await admin.post("/v1/caps", json=weekly(), params={"retailer_id": shop.retailer_id})

    assert (nobody.status_code, cap.status_code) == (400, 201)
    assert cap.json()["retailer_id"] == shop.retailer_id
    edited = await admin.put(f"/v1/caps/{cap.json()['cap_id']}", json=weekly(at_most=9))
    assert (edited.status_code, edited.json()["retailer_id"]) == (200, shop.retailer_id)


async def test_another_tenants_caps_and_offers_are_not_there(shop: Shop, other_shop: Shop) -> None:
    cap, offer = await create(shop.client), await shop.offer()
    stranger, path = other_shop.client, f"/v1/caps/{cap['cap_id']}"

    assert cap not in (await stranger.get("/v1/caps", params={"limit": 200})).json()["items"]
    assert (await stranger.put(path, json=weekly())).status_code == 404
    assert (await stranger.delete(path)).status_code == 404
    of_offer = weekly(scope="offer", offer_id=offer["offer_id"])
    assert (await stranger.post("/v1/caps", json=of_offer)).status_code == 404
    named = {"retailer_id": shop.retailer_id}
    assert (await stranger.get("/v1/caps", params=named)).status_code == 404
    assert (await stranger.post("/v1/caps", json=weekly(), params=named)).status_code == 404
    assert cap in (await shop.client.get("/v1/caps", params={"limit": 200})).json()["items"]


async def test_only_a_manage_key_writes(shop: Shop) -> None:
    cap = await create(shop.client)
    for client, may_read in ((shop.read_only, 200), (shop.till, 403)):
        assert (await client.get("/v1/caps")).status_code == may_read
        assert (await client.get("/v1/defaults")).status_code == may_read
        assert (await client.post("/v1/caps", json=weekly())).status_code == 403
        assert (await client.put(f"/v1/caps/{cap['cap_id']}", json=weekly())).status_code == 403
        assert (await client.delete(f"/v1/caps/{cap['cap_id']}")).status_code == 403


async def test_an_edit_changes_all_but_the_scope(shop: Shop, sql: asyncpg.Connection) -> None:
    cap = await create(shop.client, channel="push")
    path = f"/v1/caps/{cap['cap_id']}"

    edited = await shop.client.put(
        path, json={**cap, "window": {"rolling_s": 60}, "channel": None, "tag": "x"}
    )
    before = await version_of(sql)
    again = await shop.client.put(path, json=edited.json())
    moved = await shop.client.put(path, json={**cap, "scope": "system"})

    expected = {**cap, "window": {"rolling_s": 60}, "channel": None, "tag": "x", "revision": 2}
    assert edited.json() == expected
    assert again.json() == expected
    assert await version_of(sql) == before
    assert (moved.status_code, set(faults_of(moved))) == (400, {"scope"})


async def test_caps_come_in_pages(shop: Shop) -> None:
    made = [await create(shop.client, at_most=n) for n in range(3)]
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await shop.client.get("/v1/caps", params=params)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen[-3:] == made
    assert len({cap["cap_id"] for cap in seen}) == len(seen)


async def test_an_admin_sets_the_quiet_hours_of_those_who_chose_none(
    shop: Shop, admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    before = await version_of(sql)
    said = {"quiet_hours": {"start": "22:30", "end": "07:15"}, "holdout_percent": 0}

    answer = await admin.put("/v1/defaults", json=said)

    assert (answer.status_code, answer.json()) == (200, said)
    assert (await shop.client.get("/v1/defaults")).json() == said
    assert (await shop.client.put("/v1/defaults", json=said)).status_code == 403
    assert await version_of(sql) == before + 1


async def test_an_admin_sets_how_many_are_held_out_of_everything(
    admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    before = (await admin.get("/v1/defaults")).json()
    salt = await sql.fetchval("SELECT holdout_salt FROM defaults")
    try:
        answer = await admin.put("/v1/defaults", json={**before, "holdout_percent": 7})
        assert answer.json() == {**before, "holdout_percent": 7}
        assert tuple(await sql.fetchrow("SELECT holdout_percent, holdout_salt FROM defaults")) == (7, salt)
        refused = await admin.put("/v1/defaults", json={**before, "holdout_percent": 51})
        assert set(faults_of(refused)) == {"holdout_percent"}
    finally:
        await admin.put("/v1/defaults", json=before)


@pytest.mark.parametrize("start", ["24:00", "9:00", "21:00:00", "21h", "", 21])
async def test_quiet_hours_that_are_no_times_are_refused(admin: httpx.AsyncClient, start: object) -> None:
    answer = await admin.put("/v1/defaults", json={"quiet_hours": {"start": start, "end": "08:00"}})

    assert (answer.status_code, set(faults_of(answer))) == (400, {"quiet_hours.start"})
    assert (await admin.get("/v1/defaults")).json()["quiet_hours"]["start"] == "21:00"


async def test_an_admin_who_names_an_unknown_retailer_finds_none(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/v1/caps", params={"retailer_id": 2**62}, json=weekly())

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
