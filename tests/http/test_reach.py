"""Reach forecasts over HTTP: who counts, since when, and that no few people and no single one show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from offers.buckets import bucket_of
from offers.terms import LOCATION_OFFERS, MEASUREMENT, marketing_grant
from tests.http.shops import Shop, admin, circle, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

A_DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Street:
    """People who come by, written as consents and flushes leave them."""

    def __init__(self, sql: asyncpg.Connection, shop: Shop) -> None:
        self.sql = sql
        self.shop = shop

    async def people(self, number: int, *grants: str, since: datetime = LONG_AGO) -> list[UUID]:
        """Who consented to measurement then, and to these besides."""
        return [await self.person(MEASUREMENT, *grants, since=since) for _ in range(number)]

    async def person(self, *grants: str, since: datetime = LONG_AGO) -> UUID:
        customer_id = uuid4()
        await self.sql.execute(
            "INSERT INTO customers (bucket, customer_id, grants, created_at, age_band)"
            " VALUES ($1, $2, $3, $4, 'adult')",
            bucket_of(customer_id),
            customer_id,
            list(grants),
            LONG_AGO,
        )
        if MEASUREMENT in grants:
            await self.answers(customer_id, since, is_granted=True)
        return customer_id

    async def answers(self, customer_id: UUID, at: datetime, *, is_granted: bool) -> None:
        await self.sql.execute(
            "INSERT INTO consents (bucket, customer_id, consent_id, purpose, is_granted, notice_version,"
            " language, method, recorded_at) VALUES ($1, $2, $3, 'measurement', $4, 1, 'en', 'app', $5)",
            bucket_of(customer_id),
            customer_id,
            uuid4(),
            is_granted,
            at,
        )

    async def cross(
        self, people: Sequence[UUID], fence_id: int, *, days_ago: float = 1.0, kind: str = "enter"
    ) -> None:
        """So long before the last midnight."""
        await self.sql.executemany(
            "INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, retailer_id, kind,"
            " confidence, occurred_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0.9, $8, $8)",
            [
                (
                    bucket_of(one),
                    one,
                    uuid4(),
                    uuid4(),
                    fence_id,
                    self.shop.retailer_id,
                    kind,
                    midnight() - days_ago * A_DAY,
                )
                for one in people
            ],
        )


@pytest.fixture
def street(sql: asyncpg.Connection, shop: Shop) -> Street:
    return Street(sql, shop)


async def reach_of(shop: Shop, offer: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.read_only.get(f"/v1/offers/{offer['offer_id']}/reach")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def people_in(body: dict[str, Any], trigger: str = "enter", days: int = 28) -> int | None:
    (count,) = (one for one in body["counts"] if (one["trigger"], one["days"]) == (trigger, days))
    return count["people"]  # type: ignore[no-any-return]


def reachable_in(body: dict[str, Any], channel: str, trigger: str = "enter", days: int = 28) -> int | None:
    (count,) = (one for one in body["counts"] if (one["trigger"], one["days"]) == (trigger, days))
    return count["reachable"][channel]  # type: ignore[no-any-return]


def is_about(told: int | None, number: int) -> bool:
    """Told in tens, up or down."""
    return told is not None and told % 10 == 0 and abs(told - number) < 10


async def offer_on(shop: Shop, *fence_ids: int, **said: Any) -> dict[str, Any]:
    return await shop.offer(fences={"ids": list(fence_ids)}, **said)


async def test_distinct_people_are_counted_by_window_and_trigger(shop: Shop, street: Street) -> None:
    one, other = await shop.fence(), await shop.fence()
    offer = await offer_on(shop, one, other, triggers=["enter", "dwell"])
    lately, before = await street.people(20), await street.people(30)
    for fence_id in (one, other, one):
        await street.cross(lately, fence_id, days_ago=2)
    await street.cross(before, other, days_ago=20)
    await street.cross(lately, one, kind="exit")
    body = await reach_of(shop, offer)
    assert is_about(people_in(body, days=28), 50)
    assert is_about(people_in(body, days=7), 20)
    assert people_in(body, "dwell") is None
    assert {count["trigger"] for count in body["counts"]} == {"enter", "dwell"}
    assert body["basis"]["kind"] == "fences_of_offer"
    assert [fence["fence_id"] for fence in body["basis"]["fences"]] == [one, other]


async def test_fewer_than_ten_people_are_not_told(shop: Shop, street: Street) -> None:
    fence = await shop.fence()
    offer = await offer_on(shop, fence)
    await street.cross(
        await street.people(9, LOCATION_OFFERS, marketing_grant(shop.retailer_id, "push")), fence
    )
    assert people_in(await reach_of(shop, offer)) is None
    assert reachable_in(await reach_of(shop, offer), "push") is None


async def test_only_who_consented_to_measurement_counts(shop: Shop, street: Street) -> None:
    fence = await shop.fence()
    offer = await offer_on(shop, fence)
    await street.cross([await street.person(LOCATION_OFFERS) for _ in range(40)], fence)
    assert people_in(await reach_of(shop, offer)) is None


async def test_people_count_from_their_consent_to_measurement_on(shop: Shop, street: Street) -> None:
    fence = await shop.fence()
    offer = await offer_on(shop, fence)
    people = await street.people(40, since=midnight() - 5 * A_DAY)
    await street.cross(people, fence, days_ago=6)
    assert people_in(await reach_of(shop, offer)) is None
    await street.cross(people, fence, days_ago=4)
    assert is_about(people_in(await reach_of(shop, offer)), 40)


async def test_a_yes_after_a_no_begins_anew_and_a_second_yes_does_not(shop: Shop, street: Street) -> None:
    fence, other = await shop.fence(), await shop.fence()
    came_back, confirmed = await street.people(30), await street.people(30)
    for one in came_back:
        await street.answers(one, midnight() - 6 * A_DAY, is_granted=False)
        await street.answers(one, midnight() - 3 * A_DAY, is_granted=True)
    for one in confirmed:
        await street.answers(one, midnight() - 3 * A_DAY, is_granted=True)
    await street.cross(came_back, fence, days_ago=8)
    await street.cross(confirmed, other, days_ago=8)
    assert people_in(await reach_of(shop, await offer_on(shop, fence))) is None
    assert is_about(people_in(await reach_of(shop, await offer_on(shop, other))), 30)


async def test_who_withdrew_counts_no_more(shop: Shop, street: Street, sql: asyncpg.Connection) -> None:
    fence = await shop.fence()
    offer = await offer_on(shop, fence)
    people = await street.people(40)
    await street.cross(people, fence)
    assert is_about(people_in(await reach_of(shop, offer)), 40)
    await sql.execute("UPDATE customers SET grants = '{}' WHERE customer_id = ANY($1)", people)
    assert people_in(await reach_of(shop, offer)) is None


async def test_reachable_is_who_consented_to_this_retailers_channel_and_to_location(
    shop: Shop, other_shop: Shop, street: Street
) -> None:
    fence = await shop.fence()
    push, inbox = (marketing_grant(shop.retailer_id, channel) for channel in ("push", "inbox"))
    elsewhere = marketing_grant(other_shop.retailer_id, "push")
    for number, grants in (
        (30, (LOCATION_OFFERS, push)),
        (60, (LOCATION_OFFERS, inbox)),
        (20, (push,)),
        (20, (LOCATION_OFFERS, elsewhere)),
    ):
        await street.cross(await street.people(number, *grants), fence)
    body = await reach_of(shop, await offer_on(shop, fence))
    assert is_about(people_in(body), 130)
    assert is_about(reachable_in(body, "push"), 30)
    assert "inbox" not in body["counts"][0]["reachable"]


async def test_today_is_not_counted_so_nobodys_coming_can_be_watched(shop: Shop, street: Street) -> None:
    fence = await shop.fence()
    offer = await offer_on(shop, fence)
    await street.cross(await street.people(40), fence, days_ago=-0.0001)
    body = await reach_of(shop, offer)
    assert people_in(body) is None
    assert body["until"] == midnight().isoformat().replace("+00:00", "Z")


async def test_asking_again_tells_the_same_and_the_shorter_window_no_more_than_the_longer(
    shop: Shop, street: Street
) -> None:
    for number in (10, 12, 14, 15, 19):
        fence = await shop.fence()
        offer = await offer_on(shop, fence)
        await street.cross(await street.people(number), fence)
        body = await reach_of(shop, offer)
        assert body == await reach_of(shop, offer)
        assert (people_in(body, days=7) or 0) <= (people_in(body, days=28) or 0)


async def test_an_offer_is_counted_in_its_fences_by_tag_and_site_too(shop: Shop, street: Street) -> None:
    site_id = await shop.site()
    tagged, on_site = await shop.fence(tags=["soup"]), await shop.fence(site_id=site_id)
    await shop.fence(tags=["bread"])
    by_tag = await shop.offer(fences={"tags": ["soup"]})
    by_site = await shop.offer(fences={"site_ids": [site_id]})
    assert [one["fence_id"] for one in (await reach_of(shop, by_tag))["basis"]["fences"]] == [tagged]
    assert [one["fence_id"] for one in (await reach_of(shop, by_site))["basis"]["fences"]] == [on_site]


async def test_an_offer_that_is_only_listed_nearby_has_no_counts(shop: Shop) -> None:
    offer = await shop.offer(triggers=["nearby"])
    assert (await reach_of(shop, offer))["counts"] == []


async def test_a_shape_is_forecast_by_the_own_fences_that_overlap_it(
    shop: Shop, other_shop: Shop, street: Street
) -> None:
    inside, theirs = await shop.fence(radius_m=50), await other_shop.fence()
    await street.cross(await street.people(30), inside)
    await street.cross(await street.people(30), theirs)
    answer = await shop.client.post("/v1/fences/reach", json=circle(radius_m=100))
    body = answer.json()
    assert body["basis"] == {
        "kind": "overlapping_fences",
        "fences": [{"fence_id": inside, "share_inside": pytest.approx(1.0, abs=0.01)}],
    }
    assert is_about(people_in(body), 30)
    assert {(count["trigger"], count["days"]) for count in body["counts"]} == {
        (kind, days) for kind in ("enter", "dwell", "exit") for days in (7, 28)
    }


async def test_where_nothing_overlaps_nothing_is_known(shop: Shop) -> None:
    body = (await shop.client.post("/v1/fences/reach", json=circle())).json()
    assert body["basis"]["fences"] == []
    assert {count["people"] for count in body["counts"]} == {None}


async def test_another_retailers_offer_looks_as_if_there_were_none(shop: Shop, other_shop: Shop) -> None:
    offer = await other_shop.offer()
    assert (await shop.client.get(f"/v1/offers/{offer['offer_id']}/reach")).status_code == 404
    answer = await shop.client.post(f"/v1/fences/reach?retailer_id={other_shop.retailer_id}", json=circle())
    assert answer.status_code == 404
