"""A lunch menu as an offer: somebody stays nearby at noon and is led to it, as to any other offer."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from offers.engine import Engine
from offers.handing.inbox import read_inbox
from offers.people.customers import CustomerKey
from tests.menus.cards import small
from tests.world import NOON, Phone, World, send


async def lunch_offer(world: World, **columns: Any) -> tuple[int, int]:
    """(retailer, menu): offered to who stays three minutes nearby on weekdays around noon."""
    shop = await world.retailer()
    fence = await world.fence(shop, dwell_s=180)
    menu_id = await world.sql.fetchval(
        "INSERT INTO menus (retailer_id, site_id, card, content_hash, created_at, updated_at)"
        " SELECT $1, site_id, $2, repeat('0', 64), created_at, created_at FROM fences WHERE fence_id = $3"
        " RETURNING menu_id",
        shop,
        json.dumps(small()),
        fence,
    )
    hours = "Mo-Fr 11:30-13:30"
    said = {"trigger": "dwell", "channel": "inbox", "weekly_hours": hours, "menu_id": menu_id} | columns
    await world.offer(shop, fence, **said)
    return shop, menu_id


async def stays(world: World, engine: Engine, phone: Phone, start: datetime) -> None:
    await engine.refresh()
    for step, north_m in enumerate((300, 200, 20, 0)):
        at = start + timedelta(seconds=15 * step)
        await world.moves_to(at)
        await send(engine, phone, north_m, at)
    await world.moves_to(start + timedelta(seconds=300))
    await engine.settle()


async def inbox_of(world: World, phone: Phone) -> list[int | None]:
    async with world.sql.acquire() as connection, connection.transaction():
        page = await read_inbox(connection, CustomerKey(phone.bucket, phone.customer_id))
    return [delivery.menu_id for delivery in page.deliveries]


async def test_who_stays_nearby_at_noon_is_led_to_the_menu(world: World, engine: Engine) -> None:
    shop, menu_id = await lunch_offer(world)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await stays(world, engine, phone, NOON)
    assert await inbox_of(world, phone) == [menu_id]


@pytest.mark.parametrize("hours_later", [0, 3])
async def test_without_consent_or_after_lunch_nobody_is(
    world: World, engine: Engine, hours_later: int
) -> None:
    shop, _ = await lunch_offer(world)
    consents_to = (shop,) if hours_later else ()
    phone = await world.phone(await world.customer(*consents_to, channel="inbox"))
    await stays(world, engine, phone, NOON + timedelta(hours=hours_later))
    assert await inbox_of(world, phone) == []


async def test_the_answer_to_a_fix_leads_to_the_menu_as_well(world: World, engine: Engine) -> None:
    shop, menu_id = await lunch_offer(world, trigger="enter", channel="push")
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    told = []
    for step, north_m in enumerate((300, 200, 20, 0)):
        at = NOON + timedelta(seconds=15 * step)
        await world.moves_to(at)
        told += (await send(engine, phone, north_m, at)).deliveries
    assert [one.menu_id for one in told] == [menu_id]
