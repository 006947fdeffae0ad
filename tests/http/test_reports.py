"""Reports over HTTP: local time, what may be told of few people, CSV, tenants."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.made_up import Past
from tests.http.shops import Shop, admin, circle, faults_of, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

LONG_DAY = datetime(2025, 10, 25, 22, tzinfo=UTC)  # midnight in Paris; clocks go back on the 26th
SHORT_DAY = datetime(2025, 3, 29, 23, tzinfo=UTC)  # the 30th, on which they go forward
NOON = datetime(2025, 6, 4, 10, tzinfo=UTC)  # a Wednesday
JUNE = {"since": "2025-06-01", "until": "2025-07-01"}


async def past_of(sql: asyncpg.Connection, shop: Shop, zone: str = "Europe/Paris", **said: Any) -> Past:
    """A site in that zone with a fence."""
    site_id = await shop.site(external_id=f"site-{zone}", time_zone=zone, **said)
    fence_id = await shop.fence(site_id=site_id)
    return Past(sql, shop.retailer_id, fence_id, site_id)


async def report(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get("/v1/reports", params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def over_time(told: dict[str, Any], what: str) -> dict[str, Any]:
    return {row["period"]: row["counts"][what] for row in told["rows"]}


@pytest.mark.parametrize(
    ("midnight", "day", "next_day", "hours"),
    [(LONG_DAY, "2025-10-26", "2025-10-27", 25), (SHORT_DAY, "2025-03-30", "2025-03-31", 23)],
)
async def test_a_day_is_as_long_as_the_clocks_of_the_site_make_it(
    shop: Shop, sql: asyncpg.Connection, midnight: datetime, day: str, next_day: str, hours: int
) -> None:
    past = await past_of(sql, shop)
    people = await past.people(12)
    for hour in range(-1, hours + 1):  # from an hour before that day until an hour after it
        await past.crossed(people, midnight + timedelta(hours=hour, minutes=59))
    span = {"by": "site", "since": day, "until": next_day}

    assert over_time(await report(shop.client, **span), "enters") == {day: 12 * hours}
    by_hour = over_time(await report(shop.client, **span, step="hour"), "enters")
    assert (len(by_hour), set(by_hour.values())) == (hours, {12})
    assert next(iter(by_hour)).startswith(f"{day}T00:00+0")


async def test_the_same_hour_is_another_day_elsewhere(shop: Shop, sql: asyncpg.Connection) -> None:
    at = datetime(2025, 6, 2, 3, 30, tzinfo=UTC)
    for zone in ("Europe/Helsinki", "America/New_York"):
        past = await past_of(sql, shop, zone)
        await past.crossed(await past.people(15), at, "dwell")

    told = await report(shop.client, by="site", **JUNE)

    found = {row["time_zone"]: (row["period"], row["counts"]["dwells"]) for row in told["rows"]}
    assert found == {"Europe/Helsinki": ("2025-06-02", 15), "America/New_York": ("2025-06-01", 15)}
    assert over_time(await report(shop.client, by="retailer", **JUNE), "dwells") == {
        "2025-06-01": 15,
        "2025-06-02": 15,
    }
    assert over_time(await report(shop.client, by="retailer", step="week", **JUNE), "dwells") == {
        "2025-05-26": 15,  # Monday; the first of June was a Sunday
        "2025-06-02": 15,
    }


async def test_a_crossing_is_reported_in_the_hour_in_which_it_was_decided(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past = await past_of(sql, shop)
    late = NOON + timedelta(hours=14)
    await past.crossed(await past.people(11), NOON, written=late)

    assert list(over_time(await report(shop.client, by="fence", **JUNE), "enters")) == ["2025-06-05"]


async def test_an_offer_is_reported_by_outcome_and_what_waits_to_be_folded_counts(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.decided(offer, NOON, {"delivered": 40, "no_consent": 30, "held": 20})
    await past.decided(offer, NOON, {"no_consent": 5, "outranked": 15}, folded=False)
    await past.decided(offer, NOON, {"delivered": 12}, "letting_go")
    await past.decided(offer, NOON - timedelta(days=30), {"delivered": 99})
    await past.waits(await past.people(10), offer, NOON)

    told = await report(shop.client, by="offer", **JUNE)

    (row,) = told["rows"]
    assert (row["offer_id"], row["offer"], row["period"]) == (offer, "Soup", "2025-06-04")
    counts = row["counts"]
    assert (counts["enters"], counts["dwells"], counts["exits"]) == (None, None, None)
    assert (counts["considered"], counts["delivered"], counts["held"]) == (110, 40, 20)
    assert counts["suppressed"] == {"no_consent": 35, "outranked": 15}
    assert (counts["let_go"], counts["delivered_after_hold"], counts["let_go_suppressed"]) == (12, 12, {})
    assert (counts["waiting"], counts["suppressed_hidden"]) == (10, 0)
    assert told["totals"] == [{**row, "period": None}]
    assert told["overall"] == counts


async def test_stages_are_of_what_was_delivered_in_the_period(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    evening = datetime(2025, 6, 4, 21, 59, 59, tzinfo=UTC)  # a second before midnight; seen after it
    await past.given(await past.people(20), offer, evening, ["handed", "shown"])
    await past.given(await past.people(30), offer, evening + timedelta(seconds=1), ["handed"])

    told = await report(shop.client, by="site", **JUNE)

    assert over_time(told, "handed") == {"2025-06-04": 20, "2025-06-05": 30}
    assert over_time(told, "shown") == {"2025-06-04": 20, "2025-06-05": 0}
    assert told["totals"][0]["counts"]["handed"] == 50


async def test_few_are_hidden_and_their_sum_does_not_tell_them(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    for day, handed in ((0, 40), (1, 3), (2, 25)):
        await past.given(await past.people(handed), offer, NOON + timedelta(days=day), ["handed"])

    told = await report(shop.client, by="offer", **JUNE)

    assert over_time(told, "handed") == {"2025-06-04": 40, "2025-06-05": None, "2025-06-06": None}
    assert told["totals"][0]["counts"]["handed"] == 68
    assert told["hidden_below"] == 10


async def test_one_person_who_comes_often_is_no_crowd(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    (regular,) = await past.people(1)
    for minute in range(50):
        await past.crossed([regular], NOON + timedelta(minutes=minute))
    await past.decided(offer, NOON, {"no_consent": 50})
    await past.crossed(await past.people(200), NOON + timedelta(days=1))

    told = await report(shop.client, by="site", **JUNE)

    assert over_time(told, "enters") == {"2025-06-04": None, "2025-06-05": None}
    assert over_time(told, "considered") == {"2025-06-04": None, "2025-06-05": 0}
    assert told["totals"][0]["counts"]["enters"] == 250
    first = told["rows"][0]["counts"]
    assert (first["delivered"], first["suppressed"], first["suppressed_hidden"]) == (None, {}, None)


@pytest.mark.parametrize("by", ["offer", "offer_at_fence"])
@pytest.mark.parametrize(("passers_by", "is_told"), [("enter", True), ("exit", False)])
async def test_one_person_is_no_crowd_behind_an_offer_either(
    shop: Shop, sql: asyncpg.Connection, by: str, passers_by: str, is_told: bool
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(triggers=["enter"]))["offer_id"]
    (regular,) = await past.people(1)
    for minute in range(50):
        await past.crossed([regular], NOON + timedelta(minutes=minute))
    # A crowd counts where it crosses as the offer asks.
    await past.crossed(await past.people(20), NOON, passers_by)
    await past.decided(offer, NOON, {"no_consent": 50})

    (row,) = (await report(shop.client, by=by, **JUNE))["rows"]

    assert row["counts"]["considered"] == (50 if is_told else None)
    assert row["counts"]["suppressed"] == ({"no_consent": 50} if is_told else {})


async def test_who_waits_does_not_follow_from_who_was_held(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.decided(offer, NOON, {"held": 24})
    await past.decided(offer, NOON, {"delivered": 20}, "letting_go")
    await past.waits(await past.people(4), offer, NOON)

    counts = (await report(shop.client, by="offer", **JUNE))["overall"]

    assert (counts["held"], counts["waiting"]) == (24, None)
    assert (counts["let_go"], counts["delivered_after_hold"]) == (None, None)


async def test_small_reasons_are_added_up_instead(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.decided(offer, NOON, {"delivered": 50, "no_consent": 30, "stale": 4, "dismissed": 7})

    (row,) = (await report(shop.client, by="offer_at_fence", **JUNE))["rows"]

    counts = row["counts"]
    assert (row["offer_id"], row["fence_id"], row["site_id"]) == (offer, past.fence_id, past.site_id)
    assert counts["suppressed"] == {"no_consent": 30, "stale": None, "dismissed": None}
    assert counts["suppressed_hidden"] == 11
    assert counts["considered"] == 91 == counts["delivered"] + 30 + 11


async def test_a_report_can_be_narrowed(shop: Shop, sql: asyncpg.Connection) -> None:
    here, there = await past_of(sql, shop), await past_of(sql, shop, "Europe/Helsinki")
    one, other = [(await shop.offer())["offer_id"] for _ in range(2)]
    await here.decided(one, NOON, {"delivered": 20})
    await here.decided(other, NOON, {"delivered": 30})
    await there.decided(one, NOON, {"delivered": 50})
    await there.crossed(await there.people(12), NOON)

    by_offer = await report(shop.client, by="site", offer_id=one, **JUNE)
    by_site = await report(shop.client, by="offer", site_id=here.site_id, **JUNE)

    assert {row["site_id"]: row["counts"]["delivered"] for row in by_offer["rows"]} == {
        here.site_id: 20,
        there.site_id: 50,
    }
    assert {row["offer_id"]: row["counts"]["delivered"] for row in by_site["rows"]} == {one: 20, other: 30}
    assert (await report(shop.client, by="retailer", site_id=here.site_id, **JUNE))["overall"]["enters"] == 0


async def test_what_was_decided_at_a_fence_that_is_gone_still_counts(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.decided(offer, NOON, {"delivered": 20})
    assert (await shop.client.delete(f"/v1/fences/{past.fence_id}")).status_code == 204

    (by_offer,) = (await report(shop.client, by="offer", **JUNE))["rows"]
    (by_site,) = (await report(shop.client, by="site", **JUNE))["rows"]
    (by_fence,) = (await report(shop.client, by="fence", **JUNE))["rows"]

    assert by_offer["counts"]["delivered"] == 20
    assert (by_site["site_id"], by_site["counts"]["delivered"]) == (None, 20)
    assert (by_fence["fence_id"], by_fence["fence"]) == (past.fence_id, None)
    assert (await report(shop.client, by="offer", site_id=past.site_id, **JUNE))["rows"] == []


async def test_nothing_happened_and_nothing_is_said(shop: Shop) -> None:
    told = await report(shop.client, **JUNE)
    assert (told["rows"], told["totals"], told["overall"]["considered"]) == ([], [], 0)


async def test_without_a_span_the_last_four_weeks_are_meant(shop: Shop, sql: asyncpg.Connection) -> None:
    past = await past_of(sql, shop)
    await past.crossed(await past.people(12), datetime.now(UTC))
    told = await report(shop.client, by="retailer")
    assert told["overall"]["enters"] == 12
    since, until = (datetime.fromisoformat(told[end]) for end in ("since", "until"))
    assert until - since == timedelta(days=28)


async def test_a_report_comes_as_csv_for_whoever_asks(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop, name="=cmd|' /C calc'!A0"), (await shop.offer())["offer_id"]
    await past.crossed(await past.people(14), NOON)
    await past.decided(offer, NOON, {"delivered": 10, "no_consent": 18})
    params = {"by": "site", **JUNE}
    by_header = await shop.client.get("/v1/reports", params=params, headers={"accept": "text/csv"})
    by_address = await shop.client.get("/v1/reports", params={**params, "format": "csv"})
    as_json = await shop.client.get(
        "/v1/reports", params={**params, "format": "json"}, headers={"accept": "text/csv"}
    )

    assert by_header.content == by_address.content
    assert by_header.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_header.headers["vary"] == "Accept"
    assert by_header.headers["content-disposition"] == (
        'attachment; filename="alentour-site-2025-06-01-2025-07-01.csv"'
    )
    assert as_json.json()["by"] == "site"
    (row,) = csv.DictReader(io.StringIO(by_header.text))
    assert row["site"] == "'=cmd|' /C calc'!A0"
    assert (row["period"], row["enters"], row["considered"]) == ("2025-06-04", "14", "28")
    assert (row["suppressed_no_consent"], row["suppressed_stale"], row["fence"]) == ("18", "0", "")


async def test_nobody_sees_another_tenants_report(
    shop: Shop, other_shop: Shop, admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.crossed(await past.people(12), NOON)
    await past.decided(offer, NOON, {"delivered": 20})

    assert (await report(other_shop.client, by="retailer", **JUNE))["rows"] == []
    for narrowed in ({"offer_id": offer}, {"site_id": past.site_id}, {"retailer_id": shop.retailer_id}):
        answer = await other_shop.client.get("/v1/reports", params={**JUNE, **narrowed})
        assert answer.status_code == 404
    assert (await admin.get("/v1/reports", params=JUNE)).status_code == 400
    assert (await admin.get("/v1/reports", params={**JUNE, "retailer_id": 2**62})).status_code == 404
    seen = await report(admin, retailer_id=shop.retailer_id, by="retailer", **JUNE)
    assert (seen["overall"]["enters"], seen["overall"]["delivered"]) == (12, 20)
    assert (await shop.till.get("/v1/reports")).status_code == 403
    assert (await shop.read_only.get("/v1/reports")).status_code == 200


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"since": "2025-06-02", "until": "2025-06-02"}, "until"),
        ({"since": "2024-01-01", "until": "2025-06-02"}, "since"),
        ({"since": "2025-05-01", "until": "2025-06-02", "step": "hour"}, "since"),
        ({"until": "0001-01-01"}, "until"),
        ({"until": "9999-12-31"}, "until"),
        ({"since": "0001-01-01"}, "since"),
        ({"by": "person"}, "by"),
        ({"step": "minute"}, "step"),
        ({"since": "yesterday"}, "since"),
        ({"format": "xls"}, "format"),
        ({"sinse": "2025-06-02"}, "sinse"),
    ],
)
async def test_what_cannot_be_reported_is_refused_by_name(
    shop: Shop, params: dict[str, str], field: str
) -> None:
    answer = await shop.client.get("/v1/reports", params=params)
    assert answer.status_code == 400
    assert set(faults_of(answer)) == {field}


async def test_a_fence_without_a_site_is_reported_in_the_default_zone(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    answer = await shop.client.post("/v1/fences", json=circle())
    past = Past(sql, shop.retailer_id, answer.json()["id"])
    await past.crossed(await past.people(12), datetime(2025, 6, 4, 22, 0, tzinfo=UTC))
    (row,) = (await report(shop.client, by="fence", **JUNE))["rows"]
    assert (row["period"], row["time_zone"], row["site_id"]) == ("2025-06-05", "Europe/Paris", None)
