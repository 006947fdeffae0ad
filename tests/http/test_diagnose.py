"""Diagnosis over HTTP: what is read of an offer, and in whose language it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.made_up import Past
from tests.http.shops import Shop, admin, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


async def diagnosis(shop: Shop, offer: dict[str, Any], language: str = "en") -> dict[str, Any]:
    answer = await shop.client.get(
        f"/v1/offers/{offer['offer_id']}/diagnose", headers={"accept-language": language}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == language
    told: dict[str, Any] = answer.json()
    return told


def severities(told: dict[str, Any]) -> dict[str, str]:
    return {finding["code"]: finding["severity"] for finding in told["findings"]}


async def running(shop: Shop, sql: asyncpg.Connection, **said: Any) -> tuple[dict[str, Any], Past]:
    """An active offer on a fence, with people who consent to it, never in quiet hours."""
    site_id = await shop.site(opening_hours="24/7")
    fence_id = await shop.fence(site_id=site_id)
    quietly = {"quiet_hours": {"when_quiet": "inbox_only"}}
    offer = await shop.offer(**{"fences": {"ids": [fence_id]}, **quietly, **said})
    assert (await shop.client.post(f"/v1/offers/{offer['offer_id']}/activate")).status_code == 200
    past = Past(sql, shop.retailer_id, fence_id, site_id)
    await past.people(12, ["location_offers", f"marketing:{shop.retailer_id}:push"])
    return offer, past


async def test_an_offer_that_runs_has_no_fault(shop: Shop, sql: asyncpg.Connection) -> None:
    offer, past = await running(shop, sql)
    await past.decided(offer["offer_id"], datetime.now(UTC), {"delivered": 30, "outranked": 10})

    told = await diagnosis(shop, offer)

    assert (told["runs"], told["findings"]) == (True, [])
    assert (told["people"], told["waiting"]) == (12, 0)
    since = datetime.now(UTC) - datetime.fromisoformat(told["next_possible_at"])
    assert abs(since) < timedelta(minutes=1)
    week, month = told["recently"]
    assert week == {
        "days": 7,
        "considered": 40,
        "outcomes": [
            {"outcome": "delivered", "n": 30, "share": 0.75},
            {"outcome": "outranked", "n": 10, "share": 0.25},
        ],
    }
    assert month == {**week, "days": 28}


async def test_everything_that_is_wrong_is_found_at_once(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = await shop.offer(
        fences={"tags": ["nowhere"]},
        budget={"deliveries": 0},
        audience={"interests": ["soup"], "if_not_known": "exclude"},
    )
    await shop.client.post(
        "/v1/caps",
        json={
            "scope": "offer",
            "offer_id": offer["offer_id"],
            "at_most": 0,
            "window": {"calendar": "day"},
        },
    )
    told = await diagnosis(shop, offer)
    assert severities(told) == {
        "not_active": "blocks",
        "tied_to_no_fence": "blocks",
        "cap_of_none": "blocks",
        "budget_spent": "blocks",
        "nobody_consented": "blocks",
    }
    assert (told["runs"], told["next_possible_at"], told["people"]) == (False, None, 0)


async def test_it_is_told_in_french_to_who_reads_french(shop: Shop) -> None:
    told = await diagnosis(shop, await shop.offer(), "fr")
    assert told["language"] == "fr"
    texts = [finding["text"] for finding in told["findings"]]
    assert "L'offre est un brouillon ; activez-la." in texts


async def test_a_stop_is_found_with_who_stopped_it(
    shop: Shop, admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    offer, _ = await running(shop, sql)
    whose = {"retailer_id": shop.retailer_id}
    await admin.post(f"/v1/offers/{offer['offer_id']}/stop", params=whose)
    (found,) = [one for one in (await diagnosis(shop, offer))["findings"] if one["severity"] == "blocks"]
    assert (found["code"], found["numbers"]) == ("stopped", {"by": "operator"})
    assert (await shop.client.post(f"/v1/retailers/{shop.retailer_id}/stop")).status_code == 200
    assert severities(await diagnosis(shop, offer))["retailer_stopped"] == "blocks"


async def test_a_day_that_is_spent_goes_on_tomorrow(shop: Shop, sql: asyncpg.Connection) -> None:
    offer, _ = await running(shop, sql, budget={"per_day": 20})
    take = "UPDATE offer_budgets SET day_available = 0, day_start = {} WHERE offer_id = $1"
    today = "period_start('day', time_zone, clock_timestamp())"
    await sql.execute(take.format(today), offer["offer_id"])
    found = {one["code"]: one for one in (await diagnosis(shop, offer))["findings"]}
    assert found["day_budget_spent"]["severity"] == "limits"
    again_at = datetime.fromisoformat(found["day_budget_spent"]["numbers"]["again_at"])
    assert timedelta(0) < again_at - datetime.now(UTC) <= timedelta(hours=25)

    await sql.execute(take.format(f"{today} - interval '1 day'"), offer["offer_id"])
    assert "day_budget_spent" not in severities(await diagnosis(shop, offer))


async def test_what_is_leased_is_not_spent(shop: Shop, sql: asyncpg.Connection) -> None:
    offer, _ = await running(shop, sql, budget={"deliveries": 20})
    await sql.execute(
        "UPDATE offer_budgets SET deliveries_available = 0 WHERE offer_id = $1", offer["offer_id"]
    )
    assert severities(await diagnosis(shop, offer))["budget_spent"] == "blocks"
    await sql.execute(
        "INSERT INTO budget_leases (lease_id, offer_id, worker_id, granted, expires_at)"
        " VALUES (gen_random_uuid(), $1, gen_random_uuid(), 5, clock_timestamp() + interval '1 minute')",
        offer["offer_id"],
    )
    found = {one["code"]: one for one in (await diagnosis(shop, offer))["findings"]}
    assert found["budget_reserved"]["numbers"] == {"total": 20, "reserved": 5}


@pytest.mark.parametrize(
    ("people", "told_people", "code"), [(0, 0, "nobody_consented"), (9, None, "few_consented")]
)
async def test_few_who_consent_are_told_as_few(
    shop: Shop, sql: asyncpg.Connection, people: int, told_people: int | None, code: str
) -> None:
    past = Past(sql, shop.retailer_id, await shop.fence())
    await past.people(people, ["location_offers", f"marketing:{shop.retailer_id}:push"])
    # Not all that is needed, or not of this shop.
    await past.people(30, [f"marketing:{shop.retailer_id}:push"])
    await past.people(30, ["location_offers", f"marketing:{shop.retailer_id}:inbox"])
    told = await diagnosis(shop, await shop.offer())
    assert told["people"] == told_people
    assert code in severities(told)


async def test_why_crossings_came_to_nothing_is_told_without_few(shop: Shop, sql: asyncpg.Connection) -> None:
    offer, past = await running(shop, sql)
    now = datetime.now(UTC)
    await past.decided(
        offer["offer_id"], now, {"no_consent": 70, "delivered": 20, "dismissed": 3}, folded=False
    )
    await past.decided(offer["offer_id"], now - timedelta(days=14), {"no_consent": 5, "delivered": 100})
    await past.decided(offer["offer_id"], now, {"delivered": 99}, "letting_go")
    await past.decided(offer["offer_id"], now - timedelta(days=40), {"stale": 500})

    told = await diagnosis(shop, offer)

    week, _ = told["recently"]
    outcomes = {one["outcome"]: one["n"] for one in week["outcomes"]}
    assert week["considered"] == 93
    assert outcomes["dismissed"] is None
    told_apart = sum(n for n in outcomes.values() if n is not None)
    assert week["considered"] - told_apart >= 10
    assert "mostly_refused" not in severities(told)


async def test_the_week_and_the_month_do_not_tell_few_by_their_difference(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    offer, past = await running(shop, sql)
    now = datetime.now(UTC)
    await past.decided(offer["offer_id"], now, {"no_consent": 70, "delivered": 20})
    await past.decided(offer["offer_id"], now - timedelta(days=14), {"no_consent": 5, "delivered": 100})

    week, month = (
        {one["outcome"]: one["n"] for one in span["outcomes"]} for span in await recently(shop, offer)
    )

    # Seventy and seventy-five would say five; so would the sums of both, with those delivered.
    assert None in {week["no_consent"], month["no_consent"]}
    assert None in {week["delivered"], month["delivered"]}


async def recently(shop: Shop, offer: dict[str, Any]) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = (await diagnosis(shop, offer))["recently"]
    return spans


async def test_what_waits_is_counted(shop: Shop, sql: asyncpg.Connection) -> None:
    offer, past = await running(shop, sql)
    await past.waits(await past.people(4), offer["offer_id"], datetime.now(UTC))
    told = await diagnosis(shop, offer)
    assert (told["waiting"], severities(told)["few_waiting"]) == (None, "hint")
    await past.waits(await past.people(6), offer["offer_id"], datetime.now(UTC))
    told = await diagnosis(shop, offer)
    assert (told["waiting"], severities(told)["waiting"]) == (10, "hint")


async def test_the_next_moment_is_where_all_hours_meet(shop: Shop, sql: asyncpg.Connection) -> None:
    site_id = await shop.site(opening_hours="Mo-Fr 09:00-17:00")
    fence_id = await shop.fence(site_id=site_id, active_hours="Tu 12:00-20:00")
    schedule = {"weekly_hours": "Mo-Su 16:30-18:00", "only_while_open": True}
    offer = await shop.offer(fences={"ids": [fence_id]}, schedule=schedule)
    told = await diagnosis(shop, offer)
    at = datetime.fromisoformat(told["next_possible_at"])
    assert at > datetime.now(UTC) - timedelta(minutes=31)
    assert at.weekday() == 1 or at <= datetime.now(UTC)
    never = {"weekly_hours": "Sa 10:00-12:00", "only_while_open": True}
    offer = await shop.offer(fences={"ids": [fence_id]}, schedule=never)
    told = await diagnosis(shop, offer)
    assert (told["next_possible_at"], severities(told)["never_on"]) == (None, "blocks")


async def test_a_diagnosis_is_the_retailers_own(
    shop: Shop, other_shop: Shop, admin: httpx.AsyncClient
) -> None:
    path = f"/v1/offers/{(await shop.offer())['offer_id']}/diagnose"
    assert (await other_shop.client.get(path)).status_code == 404
    assert (await shop.till.get(path)).status_code == 403
    assert (await shop.read_only.get(path)).status_code == 200
    assert (await admin.get(path)).status_code == 400
    assert (await admin.get(path, params={"retailer_id": shop.retailer_id})).status_code == 200
