"""Offers over HTTP: what may be said, when it may change, the moves of their life, the stop, the numbers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from offers.engine.snapshot import stopped_offers
from tests.http.shop_offers import NO_LIMITS, deliver, move, put
from tests.http.shops import Shop, admin, circle, faults_of, other_shop, shop, soup, sql, version_of

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


async def offers_in(sql: asyncpg.Connection, shop: Shop) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM offers WHERE retailer_id = $1", shop.retailer_id)
    return count


async def test_all_of_an_offer_comes_back(shop: Shop) -> None:
    site_id = await shop.site()
    fence_id = await shop.fence()
    said = {
        "external_id": "soup-1",
        "content": {
            "fr": {"title": "Soupe", "text": "La soupe du jour\nà moitié prix 👩‍🍳."},
            "en-GB": {"title": "Soup", "text": "Half price."},
        },
        "triggers": ["enter", "dwell"],
        "channel": "inbox",
        "tags": ["soup"],
        "priority": -3,
        "fences": {"ids": [fence_id], "tags": ["soup"], "site_ids": [site_id]},
        "schedule": {
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2030-01-01T00:00:00Z",
            "weekly_hours": "Mo-Fr 11:00-14:00",
            "only_while_open": True,
        },
        "limits": {
            "per_customer": {"at_most": 2, "days": 7},
            "re_eligible_after_s": 3600,
            "ignores_caps": False,
            "counts_toward_caps": True,
        },
        "quiet_hours": {"when_quiet": "hold", "needs_presence": True},
        "audience": {
            "languages": ["fr", "en"],
            "interests": ["soup"],
            "visits": {"at_least": 1, "at_most": 9},
            "last_visit_days": {"at_least": None, "at_most": 30},
            "attributes": {"tier": ["gold", "silver"]},
            "if_not_known": "exclude",
        },
        "holdout_percent": 10,
        "regulated": ["alcohol"],
        "code_format": None,
        "budget": {**NO_LIMITS, "deliveries": 1000, "per_day": 50, "redemptions": 10},
        "expires_after_s": 7200,
        "stale_after_s": 300,
    }

    answer = await shop.client.post("/v1/offers", json=said)
    read = (await shop.client.get(f"/v1/offers/{answer.json()['offer_id']}")).json()

    assert answer.status_code == 201
    assert {name: read[name] for name in said} == said
    assert (read["status"], read["revision"], read["stopped_at"]) == ("draft", 1, None)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no language", {"content": {}}, "content"),
    ("no title", {"content": {"en": {"text": "x"}}}, "content"),
    ("an empty title", {"content": {"en": {"title": "", "text": "x"}}}, "content.en.title"),
    ("a long title", {"content": {"en": {"title": "x" * 141, "text": "x"}}}, "content.en.title"),
    ("a title of two lines", {"content": {"en": {"title": "a\nb", "text": "x"}}}, "content.en.title"),
    ("a text with a NUL", {"content": {"fr": {"title": "a", "text": "\x00"}}}, "content.fr.text"),
    ("a long text", {"content": {"en": {"title": "x", "text": "x" * 1001}}}, "content.en.text"),
    ("a language in words", {"content": {"English": {"title": "x", "text": "x"}}}, "content.English"),
    ("no trigger", {"triggers": []}, "triggers"),
    ("an unknown trigger", {"triggers": ["think"]}, "triggers[0]"),
    ("an unknown channel", {"channel": "fax"}, "channel"),
    ("nowhere", {"fences": {}}, "fences"),
    ("an empty fence tag", {"fences": {"tags": [""]}}, "fences.tags[0]"),
    ("an id in words", {"fences": {"ids": ["one"]}}, "fences.ids[0]"),
    ("too many ids", {"fences": {"ids": list(range(1, 1002))}}, "fences.ids"),
    ("priority 101", {"priority": 101}, "priority"),
    ("a naive start", {"schedule": {"starts_at": "2026-01-01T00:00:00"}}, "schedule.starts_at"),
    ("a start long ago", {"schedule": {"starts_at": "0001-01-01T00:00:00+14:00"}}, "schedule.starts_at"),
    (
        "an end at the start",
        {"schedule": {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}},
        "schedule.ends_at",
    ),
    ("hours nobody understands", {"schedule": {"weekly_hours": "noonish"}}, "schedule.weekly_hours"),
    ("none per customer", {"limits": {"per_customer": {"at_most": 0}}}, "limits.per_customer.at_most"),
    (
        "a year and a day",
        {"limits": {"per_customer": {"at_most": 1, "days": 367}}},
        "limits.per_customer.days",
    ),
    ("a negative budget", {"budget": {"deliveries": -1}}, "budget.deliveries"),
    ("half a unit", {"budget": {"redemptions": 0.5}}, "budget.redemptions"),
    ("expiry within a minute", {"expires_after_s": 59}, "expires_after_s"),
    ("16 minutes stale", {"stale_after_s": 901}, "stale_after_s"),
    ("an unknown member", {"expires_in": 5}, "expires_in"),
    ("an external id that ends in a blank", {"external_id": "a "}, "external_id"),
]


@pytest.mark.parametrize(("said", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_refused_offer_names_the_field_and_leaves_nothing(
    shop: Shop, sql: asyncpg.Connection, said: dict[str, Any], field: str
) -> None:
    before = await version_of(sql)

    answer = await shop.client.post("/v1/offers", json=soup(**said))

    assert answer.status_code == 400
    faults = faults_of(answer)
    assert any(name.startswith(field) or field in reason for name, reason in faults.items()), faults
    assert await offers_in(sql, shop) == 0
    assert await version_of(sql) == before


async def test_a_refused_edit_leaves_the_offer_as_it_was(shop: Shop) -> None:
    offer = await shop.offer()

    answer = await put(shop, offer, schedule={"weekly_hours": "noonish"}, priority=7)

    assert answer.status_code == 400
    assert (await shop.client.get(f"/v1/offers/{offer['offer_id']}")).json() == offer


async def test_an_offer_cannot_name_places_of_somebody_else(
    shop: Shop, other_shop: Shop, sql: asyncpg.Connection
) -> None:
    fence_id, site_id = await other_shop.fence(), await other_shop.site()
    own = await shop.fence()

    created = await shop.client.post(
        "/v1/offers", json=soup(fences={"ids": [own, fence_id], "site_ids": [site_id]})
    )
    offer = await shop.offer()
    edited = await put(shop, offer, fences={"ids": [fence_id]})

    assert (created.status_code, edited.status_code) == (404, 404)
    assert set(faults_of(created)) == {"fences.ids[1]", "fences.site_ids[0]"}
    assert await offers_in(sql, shop) == 1


async def test_another_tenants_offers_are_not_there(shop: Shop, other_shop: Shop) -> None:
    offer = await shop.offer()
    stranger, path = other_shop.client, f"/v1/offers/{offer['offer_id']}"

    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get(f"{path}/counts")).status_code == 404
    assert (await stranger.put(path, json=soup())).status_code == 404
    for name in ("activate", "pause", "end", "stop"):
        assert (await stranger.post(f"{path}/{name}")).status_code == 404, name
    named = {"retailer_id": shop.retailer_id}
    assert (await stranger.post("/v1/offers", json=soup(), params=named)).status_code == 404
    assert (await stranger.get("/v1/offers", params=named)).status_code == 404
    assert (await stranger.get("/v1/offers")).json()["items"] == []
    assert (await shop.client.get(path)).json() == offer


async def test_only_a_manage_key_writes(shop: Shop) -> None:
    offer = await shop.offer()
    path = f"/v1/offers/{offer['offer_id']}"
    for client, may_read in ((shop.read_only, 200), (shop.till, 403)):
        assert (await client.get(path)).status_code == may_read
        assert (await client.get(f"{path}/counts")).status_code == may_read
        assert (await client.post("/v1/offers", json=soup())).status_code == 403
        assert (await client.put(path, json=soup())).status_code == 403
        for name in ("activate", "pause", "end", "stop"):
            assert (await client.post(f"{path}/{name}")).status_code == 403


async def test_only_an_admin_takes_an_offer_out_of_the_caps(
    shop: Shop, admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    free = {"limits": {"ignores_caps": True, "counts_toward_caps": False}}
    refused = await shop.client.post("/v1/offers", json=soup(**free))
    allowed = await admin.post("/v1/offers", json=soup(**free), params={"retailer_id": shop.retailer_id})

    assert refused.status_code == 403
    assert set(faults_of(refused)) == {"limits.ignores_caps", "limits.counts_toward_caps"}
    assert allowed.status_code == 201
    assert await offers_in(sql, shop) == 1
    # What an admin allowed stays while the retailer edits the rest.
    assert (await put(shop, allowed.json(), priority=1)).status_code == 200


async def test_the_list_comes_in_pages_and_by_status(shop: Shop) -> None:
    made = [await shop.offer() for _ in range(3)]
    await move(shop, made[1], "activate")

    first = (await shop.client.get("/v1/offers", params={"limit": 2})).json()
    last = (await shop.client.get("/v1/offers", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    active = (await shop.client.get("/v1/offers", params={"status": "active"})).json()

    assert [offer["offer_id"] for offer in first["items"] + last["items"]] == [o["offer_id"] for o in made]
    assert [offer["offer_id"] for offer in active["items"]] == [made[1]["offer_id"]]


async def test_an_offer_is_found_by_ones_own_id_and_given_it_once(shop: Shop) -> None:
    offer, other = await shop.offer(external_id="soup-1"), await shop.offer()

    found = [await shop.client.get("/v1/offers", params={"external_id": name}) for name in ("soup-1", "nope")]
    assert [each.json()["items"] for each in found] == [[offer], []]
    created = await shop.client.post("/v1/offers", json=soup(external_id="soup-1"))
    renamed = await put(shop, other, external_id="soup-1")
    for answer in (created, renamed):
        assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
        assert set(faults_of(answer)) == {"external_id"}


ALLOWED = {
    ("draft", "activate"): "active",
    ("active", "activate"): "active",
    ("paused", "pause"): "paused",
    ("ended", "end"): "ended",
    ("draft", "end"): "ended",
    ("active", "pause"): "paused",
    ("active", "end"): "ended",
    ("active", "stop"): "paused",
    ("paused", "activate"): "active",
    ("paused", "end"): "ended",
    ("paused", "stop"): "paused",
    ("ended", "stop"): "ended",
}
STANDING_STILL = {("active", "activate"), ("paused", "pause"), ("ended", "end")}
WAY_TO = {"draft": [], "active": ["activate"], "paused": ["activate", "pause"], "ended": ["end"]}


@pytest.mark.parametrize("name", ["activate", "pause", "end", "stop"])
@pytest.mark.parametrize("status", WAY_TO)
async def test_an_offer_moves_only_along_its_life(
    shop: Shop, sql: asyncpg.Connection, status: str, name: str
) -> None:
    offer = await shop.offer()
    for step in WAY_TO[status]:
        assert (await move(shop, offer, step)).status_code == 200
    before = await version_of(sql)

    answer = await move(shop, offer, name)

    now = (await shop.client.get(f"/v1/offers/{offer['offer_id']}")).json()
    if (status, name) in ALLOWED:
        assert answer.status_code == 200, answer.text
        assert answer.json() == now
        assert now["status"] == ALLOWED[status, name]
        is_new = (status, name) not in STANDING_STILL
        assert now["revision"] == 1 + len(WAY_TO[status]) + is_new
        assert await version_of(sql) == before + is_new
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_move")
        assert now["status"] == status
        assert await version_of(sql) == before


async def test_an_offer_whose_schedule_is_over_is_not_activated(shop: Shop) -> None:
    offer = await shop.offer(schedule={"ends_at": "2020-01-01T00:00:00Z"})

    answer = await move(shop, offer, "activate")

    assert (answer.status_code, answer.json()["code"]) == (409, "schedule_is_over")


async def test_moves_at_once_are_made_once(shop: Shop) -> None:
    offer = await shop.offer()

    answers = await asyncio.gather(*(move(shop, offer, "activate") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["revision"] for answer in answers} == {2}


async def test_a_move_from_what_has_changed_meanwhile_is_refused(shop: Shop) -> None:
    offer = (await put(shop, await shop.offer(), priority=1)).json()
    for name in ("activate", "pause", "end"):
        path = f"/v1/offers/{offer['offer_id']}/{name}"
        stale = await shop.client.post(path, headers={"if-match": f'"{offer["revision"] - 1}"'})
        fresh = await shop.client.post(path, headers={"if-match": f'"{offer["revision"]}"'})
        again = await shop.client.post(path, headers={"if-match": f'"{offer["revision"]}"'})

        assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
        assert (fresh.status_code, fresh.json()["revision"]) == (200, offer["revision"] + 1)
        assert (again.status_code, again.json()) == (200, fresh.json())
        offer = fresh.json()


async def test_a_running_offer_keeps_whom_it_reaches(shop: Shop) -> None:
    offer = (await move(shop, await shop.offer(), "activate")).json()

    words = {"en": {"title": "Hot soup", "text": "Still half price."}}
    allowed = await put(shop, offer, content=words, priority=5, expires_after_s=600)
    refused = await put(shop, offer, triggers=["exit"], channel="inbox", fences={"tags": ["stew"]})

    assert (allowed.status_code, allowed.json()["content"]) == (200, words)
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_is_active")
    assert set(faults_of(refused)) == {"triggers", "channel", "fences.tags"}
    await move(shop, offer, "pause")
    assert (await put(shop, offer, triggers=["exit"])).status_code == 200


async def test_an_ended_offer_stays_as_it_was(shop: Shop) -> None:
    offer = (await move(shop, await shop.offer(), "end")).json()

    for said in ({"priority": 1}, {"budget": {"deliveries": 1}}):
        answer = await put(shop, offer, **said)
        assert (answer.status_code, answer.json()["code"]) == (409, "offer_has_ended")
    assert (await put(shop, offer)).json() == offer


async def test_an_edit_of_what_has_changed_meanwhile_is_refused(shop: Shop) -> None:
    offer = await shop.offer()
    path = f"/v1/offers/{offer['offer_id']}"
    etag = (await shop.client.get(path)).headers["etag"]

    answers = await asyncio.gather(
        *(shop.client.put(path, json=soup(priority=n), headers={"if-match": etag}) for n in range(1, 5))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_an_offer_is_created_once_under_one_key(shop: Shop, sql: asyncpg.Connection) -> None:
    key = {"idempotency-key": "soup-of-monday"}

    answers = [await shop.client.post("/v1/offers", json=soup(), headers=key) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert await offers_in(sql, shop) == 1


async def test_a_stop_takes_back_what_no_phone_was_given(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = (await move(shop, await shop.offer(), "activate")).json()
    other = (await move(shop, await shop.offer(), "activate")).json()
    now = datetime.now(UTC)
    waiting = [await deliver(sql, shop, offer) for _ in range(3)]
    handed = await deliver(sql, shop, offer, handed_at=now)
    redeemed = await deliver(sql, shop, offer, redeemed_at=now)
    of_other = await deliver(sql, shop, other)
    stop_version = await sql.fetchval("SELECT stop_version FROM config_version")

    answer = await move(shop, offer, "stop")

    cancelled = await sql.fetch(
        "SELECT delivery_id, cancelled_because FROM deliveries"
        " WHERE retailer_id = $1 AND cancelled_at IS NOT NULL",
        shop.retailer_id,
    )
    assert answer.json()["stopped_at"] is not None
    assert {row["delivery_id"] for row in cancelled} == set(waiting)
    assert {row["cancelled_because"] for row in cancelled} == {"offer_stopped"}
    assert not {handed, redeemed, of_other} & {row["delivery_id"] for row in cancelled}
    assert await sql.fetchval("SELECT stop_version FROM config_version") == stop_version + 1


async def test_a_stop_waits_for_transactions_that_began_before_it(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    offer = (await move(shop, await shop.offer(), "activate")).json()
    transaction = sql.transaction()
    await transaction.start()
    delivery_id = await deliver(sql, shop, offer)

    stop = asyncio.create_task(move(shop, offer, "stop"))
    done, _ = await asyncio.wait([stop], timeout=0.5)
    assert not done
    await transaction.commit()

    assert (await stop).status_code == 200
    because = await sql.fetchval(
        "SELECT cancelled_because FROM deliveries WHERE delivery_id = $1", delivery_id
    )
    assert because == "offer_stopped"


async def test_an_ended_offer_that_is_stopped_is_stopped_for_workers_that_think_it_runs(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    offer = await shop.offer()
    for name in ("activate", "end", "stop"):
        await move(shop, offer, name)

    assert offer["offer_id"] in await stopped_offers(sql)


async def test_a_stopped_offer_is_resumed_by_activating_it(shop: Shop) -> None:
    offer = (await move(shop, await shop.offer(), "activate")).json()
    first = await move(shop, offer, "stop")
    second = await move(shop, offer, "stop")

    resumed = await move(shop, offer, "activate")

    assert second.json() == first.json()
    assert first.json()["stopped_by"] == "retailer"
    assert (resumed.json()["status"], resumed.json()["stopped_at"]) == ("active", None)


@pytest.mark.parametrize("first", ["retailer", "operator"])
async def test_what_an_operator_stopped_only_an_operator_resumes(
    shop: Shop, admin: httpx.AsyncClient, first: str
) -> None:
    offer = (await move(shop, await shop.offer(), "activate")).json()
    path, whose = f"/v1/offers/{offer['offer_id']}", {"retailer_id": shop.retailer_id}
    for who in (first, "operator", "retailer"):
        stopped = await (
            shop.client.post(f"{path}/stop")
            if who == "retailer"
            else admin.post(f"{path}/stop", params=whose)
        )
        assert stopped.status_code == 200

    refused = await move(shop, offer, "activate")
    assert (refused.status_code, refused.json()["code"]) == (403, "stopped_by_operator")
    still = (await shop.client.get(path)).json()
    assert (still["status"], still["stopped_by"]) == ("paused", "operator")
    resumed = (await admin.post(f"{path}/activate", params=whose)).json()
    assert (resumed["status"], resumed["stopped_at"], resumed["stopped_by"]) == ("active", None, None)


async def test_counts_tell_every_stage_and_reason(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer()
    now = datetime.now(UTC)
    await deliver(sql, shop, offer)
    await deliver(sql, shop, offer, handed_at=now, shown_at=now, opened_at=now, redeemed_at=now)
    await deliver(sql, shop, offer, handed_at=now, shown_at=now, dismissed_at=now, less_like_this_at=now)
    await deliver(sql, shop, offer, cancelled_at=now)
    await deliver(sql, shop, await shop.offer())
    for bucket, n in ((3, 2), (4, 5)):
        await sql.execute(
            "INSERT INTO decision_counts (bucket, count_id, hour, offer_id, fence_id, moment, outcome, n)"
            " VALUES ($1, $2, $3, $4, 1, 'crossing', 'quiet_hours', $5)",
            bucket,
            uuid4(),
            now,
            offer["offer_id"],
            n,
        )
    await sql.executemany(
        "INSERT INTO decision_totals (offer_id, outcome, hour, n, fence_id, moment)"
        " VALUES ($1, $2, $3, $4, 1, 'crossing')",
        [(offer["offer_id"], "quiet_hours", now, 10), (offer["offer_id"], "outranked", now, 1)],
    )

    counts = (await shop.client.get(f"/v1/offers/{offer['offer_id']}/counts")).json()

    assert counts == {
        "decided": 4,
        "handed": 2,
        "shown": 2,
        "opened": 1,
        "dismissed": 1,
        "less_like_this": 1,
        "redeemed": 1,
        "cancelled": 1,
        "waiting": 0,
        "suppressed": {"outranked": 1, "quiet_hours": 17},
    }


async def test_a_fence_is_not_deleted_while_an_offer_that_names_it_is_being_written(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    ends = []
    for _ in range(6):
        fence_id = await shop.fence()
        created, deleted = await asyncio.gather(
            shop.client.post("/v1/offers", json=soup(fences={"ids": [fence_id]})),
            shop.client.delete(f"/v1/fences/{fence_id}"),
        )
        ends.append((created.status_code, deleted.status_code))

    assert set(ends) <= {(201, 409), (404, 204)}


async def test_a_fence_needs_no_site(shop: Shop) -> None:
    assert (await shop.client.post("/v1/fences", json=circle())).json()["properties"]["site_id"] is None


async def test_an_admin_who_names_an_unknown_retailer_finds_none(admin: httpx.AsyncClient) -> None:
    nobody = {"retailer_id": 2**62}
    for answer in (
        await admin.post("/v1/offers", params=nobody, json=soup()),
        await admin.get("/v1/offers", params=nobody),
        await admin.get("/v1/fences", params=nobody),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
