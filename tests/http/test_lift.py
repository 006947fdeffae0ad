"""Lift over HTTP: who counts as exposed, who as returned, and what is told of few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from offers.lift import Arm, difference_of
from offers.retail.measuring import lift_of_everything
from tests.http.made_up import Past, Somebody
from tests.http.shops import Shop, admin, circle, faults_of, other_shop, shop, sql
from tests.world import World

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

NOW = datetime.now(UTC)
EXPOSED = NOW - timedelta(days=20)
ONE_HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


async def past_of(sql: asyncpg.Connection, shop: Shop, *, dwell_s: int = 180) -> Past:
    site_id = await shop.site()
    return Past(sql, shop.retailer_id, await shop.fence(site_id=site_id, dwell_s=dwell_s), site_id)


async def exposed(
    past: Past, offer_id: int, treated: int = 120, held_out: int = 110
) -> tuple[list[Somebody], list[Somebody]]:
    """So many people who were given the offer, and so many who were held out of it, at one moment."""
    given, spared = await past.people(treated), await past.people(held_out)
    await past.given(given, offer_id, EXPOSED)
    await past.held_out(spared, offer_id, EXPOSED)
    return given, spared


async def lift(client: httpx.AsyncClient, offer_id: int, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/v1/offers/{offer_id}/lift", params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def arms(told: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(told[arm][what] for arm in ("treated", "held_out") for what in ("people", "returned"))


async def test_who_stays_again_within_a_week_has_returned(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(holdout_percent=50))["offer_id"]
    given, spared = await exposed(past, offer)
    await past.crossed(given[:40], EXPOSED + ONE_DAY, "dwell")
    await past.crossed(given[:5], EXPOSED + 2 * ONE_DAY, "dwell")  # once more counts no more
    await past.crossed(spared[:10], EXPOSED + 7 * ONE_DAY, "dwell")
    await past.crossed(spared[10:11], EXPOSED + ONE_HOUR, "dwell")

    told = await lift(shop.client, offer)

    assert arms(told) == (120, 40, 110, 11)
    assert told["treated"]["rate"] == pytest.approx(1 / 3)
    expected = difference_of(Arm(people=120, returned=40), Arm(people=110, returned=11))
    found = told["lift"]["difference"]
    assert [found[what] for what in ("value", "low", "high")] == pytest.approx(
        [expected.value, expected.low, expected.high]
    )
    assert told["lift"]["ratio"]["value"] == pytest.approx(10 / 3)
    assert told["sizes"]["is_unbalanced"] is False
    assert told["visits_before"]["treated_mean"] == 0.0


async def test_what_is_no_return_is_not_counted(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    given, _ = await exposed(past, offer)
    # Still there; too late; only passing; before.
    await past.crossed(given[:20], EXPOSED + timedelta(minutes=59), "dwell")
    await past.crossed(given[:20], EXPOSED + 7 * ONE_DAY + timedelta(seconds=1), "dwell")
    await past.crossed(given[:20], EXPOSED + ONE_DAY, "enter")
    await past.crossed(given[:20], EXPOSED - ONE_DAY, "dwell")
    # Another site of the same shop, and a fence of this one where nobody has to stay long.
    elsewhere = Past(sql, shop.retailer_id, await shop.fence(site_id=await shop.site("other")))
    briefly = Past(sql, shop.retailer_id, await shop.fence(site_id=past.site_id, dwell_s=60))
    for other in (elsewhere, briefly):
        await other.crossed(given[:20], EXPOSED + ONE_DAY, "dwell")

    told = await lift(shop.client, offer)

    assert arms(told) == (120, 0, 110, 0)
    assert told["lift"]["ratio"] is None
    assert told["visits_before"]["treated_mean"] == pytest.approx(20 / 120)
    assert told["visits_before"]["is_unbalanced"] is True


async def test_another_fence_of_the_same_site_is_a_return(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    given, _ = await exposed(past, offer)
    beside = Past(sql, shop.retailer_id, await shop.fence(site_id=past.site_id), past.site_id)
    await beside.crossed(given[:30], EXPOSED + ONE_DAY, "dwell")
    assert arms(await lift(shop.client, offer)) == (120, 30, 110, 0)


async def test_a_fence_without_a_site_is_returned_to_by_itself(shop: Shop, sql: asyncpg.Connection) -> None:
    offer = (await shop.offer())["offer_id"]
    fences = [(await shop.client.post("/v1/fences", json=circle())).json()["id"] for _ in range(2)]
    past, other = (Past(sql, shop.retailer_id, one) for one in fences)
    given, spared = await exposed(past, offer)
    await past.crossed(given[:30], EXPOSED + ONE_DAY, "dwell")
    await other.crossed(spared[:30], EXPOSED + ONE_DAY, "dwell")
    assert arms(await lift(shop.client, offer)) == (120, 30, 110, 0)


async def test_nobody_is_measured_where_nobody_can_be_seen_to_stay(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop, dwell_s=60), (await shop.offer())["offer_id"]
    given, _ = await exposed(past, offer)
    await past.crossed(given, EXPOSED + ONE_DAY, "dwell")
    assert arms(await lift(shop.client, offer)) == (0, None, 0, None)


async def test_only_people_who_consent_to_measurement_now_are_measured(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await exposed(past, offer)
    for withheld in ((), ("location_offers", "personalisation")):
        silent = await past.people(50, withheld)
        await past.given(silent, offer, EXPOSED)
        await past.crossed(silent, EXPOSED + ONE_DAY, "dwell")
    assert arms(await lift(shop.client, offer)) == (120, 0, 110, 0)


async def test_who_is_held_out_of_everything_is_in_neither_group_of_one_offer(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await exposed(past, offer)
    await past.held_out(await past.people(50), offer, EXPOSED, "everything")
    assert arms(await lift(shop.client, offer)) == (120, 0, 110, 0)


async def test_the_first_exposure_decides_whatever_came_later(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    given, spared = await exposed(past, offer)
    await past.given(given[:50], offer, EXPOSED + 5 * ONE_DAY)
    await past.given(spared[:50], offer, EXPOSED + ONE_DAY)  # held out no longer
    await past.held_out(given[:50], offer, EXPOSED + ONE_DAY)
    await past.crossed(given[:7], EXPOSED + 8 * ONE_DAY, "dwell")  # a week after the second time only
    assert arms(await lift(shop.client, offer)) == (120, 0, 110, 0)


async def test_what_is_not_over_or_not_on_record_is_not_measured(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(holdout_percent=10))["offer_id"]
    await exposed(past, offer)
    for at in (NOW - timedelta(days=6), NOW - timedelta(days=84)):
        await past.given(await past.people(30), offer, at)
        await past.held_out(await past.people(30), offer, at)

    told = await lift(shop.client, offer)

    assert (told["treated"]["people"], told["held_out"]["people"]) == (120, 110)
    since, until = (datetime.fromisoformat(told[end]) for end in ("measured_from", "measured_until"))
    assert (NOW - since).days in {82, 83}
    assert timedelta(days=6, hours=23) < datetime.now(UTC) - until < timedelta(days=7, hours=1)


async def test_nothing_is_measured_from_before_anybody_was_held_out(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]
    await past.given(await past.people(40), offer, EXPOSED - ONE_HOUR)
    await exposed(past, offer)
    told = await lift(shop.client, offer)
    assert told["treated"]["people"] == 120
    assert datetime.fromisoformat(told["measured_from"]) == EXPOSED


async def test_when_nobody_is_held_out_any_more_measuring_ends(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer())["offer_id"]  # 0 % now
    await exposed(past, offer)
    await past.given(await past.people(40), offer, EXPOSED + ONE_DAY)
    told = await lift(shop.client, offer)
    assert (told["treated"]["people"], told["sizes"]) == (120, None)
    assert datetime.fromisoformat(told["measured_until"]) == EXPOSED


async def test_an_unbalanced_draw_is_told(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(holdout_percent=10))["offer_id"]
    await exposed(past, offer)
    sizes = (await lift(shop.client, offer))["sizes"]
    assert sizes["expected_share"] == 0.1
    assert sizes["held_out_share"] == pytest.approx(110 / 230)
    assert sizes["p_value"] < 0.001
    assert sizes["is_unbalanced"] is True


async def test_a_later_start_leaves_out_what_was_before(shop: Shop, sql: asyncpg.Connection) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(holdout_percent=50))["offer_id"]
    await exposed(past, offer, 60, 60)
    for many in (past.given, past.held_out):
        await many(await past.people(105), offer, EXPOSED + ONE_DAY)
    since = (EXPOSED + ONE_HOUR).isoformat()
    assert (await lift(shop.client, offer))["treated"]["people"] == 165
    told = await lift(shop.client, offer, since=since)
    assert (told["treated"]["people"], told["held_out"]["people"]) == (105, 105)
    for wrong in ("2026-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "lately"):
        refused = await shop.client.get(f"/v1/offers/{offer}/lift", params={"since": wrong})
        assert (refused.status_code, set(faults_of(refused))) == (400, {"since"})


@pytest.mark.parametrize(
    ("held_out", "told_people"), [(99, 99), (10, 10), (9, None), (0, 0)], ids=["99", "10", "9", "0"]
)
async def test_few_people_are_not_measured_and_fewer_not_counted(
    shop: Shop, sql: asyncpg.Connection, held_out: int, told_people: int | None
) -> None:
    past, offer = await past_of(sql, shop), (await shop.offer(holdout_percent=10))["offer_id"]
    await exposed(past, offer, 500, held_out)
    told = await lift(shop.client, offer)
    assert arms(told) == (500, None, told_people, None)
    assert (told["lift"], told["visits_before"], told["treated"]["rate"]) == (None, None, None)
    # That so few are held out is told, where it is no chance; how few is not.
    assert (told["sizes"]["held_out_share"] is None) == (held_out < 10)
    assert told["sizes"]["is_unbalanced"] is True


async def test_lift_is_the_retailers_own(
    shop: Shop, other_shop: Shop, admin: httpx.AsyncClient, sql: asyncpg.Connection
) -> None:
    path = f"/v1/offers/{(await shop.offer())['offer_id']}/lift"
    assert (await other_shop.client.get(path)).status_code == 404
    assert (await shop.till.get(path)).status_code == 403
    assert (await shop.read_only.get(path)).status_code == 200
    assert (await admin.get(path, params={"retailer_id": shop.retailer_id})).status_code == 200
    assert (await shop.client.get("/v1/lift")).status_code == 403
    everything = await admin.get("/v1/lift")
    assert everything.status_code == 200
    assert everything.json()["offer_id"] is None


async def test_of_everything_who_is_held_out_of_one_offer_is_treated(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        world = World(connection)
        retailer = await world.retailer()
        fence = await world.fence(retailer)
        site = await connection.fetchval("SELECT site_id FROM fences")
        past = Past(connection, retailer, fence, site)
        one, other = await world.offer(retailer, fence), await world.offer(retailer, fence)
        await connection.execute("UPDATE defaults SET holdout_percent = 50")
        given, spared, of_one = [await past.people(n) for n in (100, 150, 30)]
        await past.given(given, one, EXPOSED)
        await past.given(given[:20], other, EXPOSED + ONE_DAY)
        await past.held_out(of_one, one, EXPOSED)
        await past.held_out(spared, one, EXPOSED, "everything")
        await past.held_out(spared[:50], other, EXPOSED + ONE_DAY, "everything")
        await past.crossed([*given[:40], *of_one[:12], *spared[:15]], EXPOSED + ONE_DAY, "dwell")

        told = await lift_of_everything(connection, NOW, None)

    assert (told.treated.people, told.treated.returned) == (130, 52)
    assert (told.held_out.people, told.held_out.returned) == (150, 15)
    assert told.lift is not None
    assert told.lift.difference.value == pytest.approx(0.3)
    assert told.sizes is not None
    assert told.sizes.expected_share == 0.5
