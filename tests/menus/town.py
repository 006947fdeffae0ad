"""A town of random menus for tests: cards published as retailers do, and what a plain reading finds."""

from __future__ import annotations

import random
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from geo.spots import Spot
from offers.menus.allergens import ALLERGENS
from offers.menus.availability import FOREVER, say
from offers.menus.card import Card, Item
from offers.menus.diets import DIETS
from offers.menus.menu_edits import create_menu, publish_menu
from offers.menus.reading import read_card
from offers.menus.tables import MenuRow
from tests.world import HELSINKI, LONG_AGO, METRES_PER_DEGREE, NOON, World

TODAY = date(2026, 6, 4)
KITCHENS = ("french", "sushi", "pizza", "finnish")
HERE = Spot(lat=HELSINKI[0], lon=HELSINKI[1], is_coarse=False)
HARMLESS = [one for one in DIETS if one not in {"vegan", "vegetarian"}]


@dataclass
class Served:
    """One published menu, where it is and what ran out of it."""

    menu_id: int
    north_m: float
    card: Card
    sold_out: set[str] = field(default_factory=set)


@dataclass
class Town:
    world: World
    session: AsyncSession
    retailer_id: int
    menus: list[Served] = field(default_factory=list)

    async def site(self, north_m: float, **columns: Any) -> int:
        values = {"kind": "restaurant", "opening_hours": None, "name": "Place"} | columns
        site_id: int = await self.world.sql.fetchval(
            "INSERT INTO sites (retailer_id, name, kind, location, time_zone, opening_hours, created_at,"
            " updated_at) VALUES ($1, $2, $3, ST_SetSRID(ST_MakePoint($4, $5), 4326), 'Europe/Helsinki', $6,"
            " $7, $7) RETURNING site_id",
            *(self.retailer_id, values["name"], values["kind"], HELSINKI[1]),
            *(HELSINKI[0] + north_m / METRES_PER_DEGREE, values["opening_hours"], LONG_AGO),
        )
        return site_id

    async def serves(self, card: dict[str, Any], north_m: float = 0.0, **site: Any) -> Served:
        """Publish a card at a new site so far north."""
        site_id = await self.site(north_m, **site)
        read = read_card(card)
        menu = await create_menu(self.session, self.retailer_id, site_id, None, read, NOON)
        await publish_menu(self.session, menu, NOON)
        await self.session.commit()
        served = Served(menu.menu_id, north_m, read)
        self.menus.append(served)
        return served

    async def runs_out(self, served: Served, *item_ids: str) -> None:
        menu = await self.session.get_one(MenuRow, served.menu_id)
        await say(self.session, menu, list(item_ids), FOREVER, NOON)
        await self.session.commit()
        served.sold_out |= set(item_ids)


@asynccontextmanager
async def opened(pool: asyncpg.Pool, database_url: str) -> AsyncIterator[Town]:
    engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"))
    async with AsyncSession(engine, expire_on_commit=False) as session:
        world = World(pool)
        yield Town(world, session, await world.retailer("Kitchens"))
    await engine.dispose()


def random_card(rng: random.Random) -> dict[str, Any]:
    """Any mixture of what is stated and not, with formulas and specials."""
    dishes = [_dish(rng, f"d{n}") for n in range(rng.randint(1, 9))]
    some = [dish["id"] for dish in dishes[:3]]
    formulas = [
        {
            "id": f"f{n}",
            "name": {"en": "Lunch"},
            "price_minor": rng.randrange(800, 4_000, 100),
            "courses": [{"name": {"en": "Dish"}, "item_ids": some}],
        }
        for n in range(rng.randint(0, 2))
    ]
    days = [day for day in ("2026-06-03", "2026-06-04", "2026-06-05") if rng.random() < 0.3]
    return {
        "name": {"en": "Menu", "fr": "Carte"},
        "language": "en",
        "currency": rng.choice(["EUR", "EUR", "EUR", "SEK"]),
        "cuisines": rng.sample(KITCHENS, rng.randint(0, 2)),
        "sections": [{"id": "s", "name": {"en": "All"}, "items": dishes}],
        "formulas": formulas,
        "specials": [{"on": day, "items": [_dish(rng, "today")]} for day in days],
    }


def _dish(rng: random.Random, id_: str) -> dict[str, Any]:
    allergens = rng.choice([None, [], rng.sample(ALLERGENS, rng.randint(1, 4))])
    stated = allergens or []
    free = [one for one in ALLERGENS if one not in stated]
    traces = [] if allergens is None else rng.sample(free, rng.choice([0, 0, 1]))
    diets = rng.sample(HARMLESS, rng.randint(0, 2))
    if not set(stated) & {"crustaceans", "fish", "molluscs", "eggs", "milk"}:
        diets += rng.choice([[], ["vegan"], ["vegetarian"]])
    prices = [rng.randrange(200, 3_500, 50) for _ in range(rng.randint(1, 3))]
    sized = [{"id": f"z{n}", "name": {"en": "Size"}, "price_minor": one} for n, one in enumerate(prices)]
    price = {"price_minor": prices[0]} if len(prices) == 1 else {"sizes": sized}
    return {
        "id": id_, "name": {"en": f"Dish {id_}"}, "allergens": allergens, "traces": traces, "diets": diets,
        **price,
    }  # fmt: skip


@dataclass
class Asked:
    """What somebody asks for, in words."""

    without: tuple[str, ...] = ()
    diets: tuple[str, ...] = ()
    cuisines: tuple[str, ...] = ()
    max_price_minor: int | None = None
    currency: str | None = None


def plainly_found(menus: list[Served], asked: Asked) -> dict[int, tuple[int, int | None, int | None]]:
    """Menu by menu and dish by dish: how many fit, the cheapest main course and the cheapest formula."""
    found = {}
    for served in menus:
        card = served.card
        if asked.cuisines and not any(one in card.cuisines for one in asked.cuisines):
            continue
        if asked.currency is not None and card.currency != asked.currency:
            continue
        dishes = [one for one in todays(served) if plainly_fits(one, asked)]
        prices = [cheapest(one) for one in card.items]
        ordinary = statistics.median_low(prices) if prices else 0
        mains = [cheapest(one) for one in dishes if cheapest(one) >= ordinary]
        formulas = [
            one.price_minor
            for one in card.formulas
            if not asked.without and not asked.diets and one.id not in served.sold_out
        ]
        if (asked.without or asked.diets) and not dishes:
            continue
        cheap = min(mains + formulas, default=None)
        if asked.max_price_minor is not None and (cheap is None or cheap > asked.max_price_minor):
            continue
        found[served.menu_id] = (len(dishes), min(mains, default=None), min(formulas, default=None))
    return found


def todays(served: Served) -> list[Item]:
    """What there is on the card and today, and has not run out."""
    specials = [item for day in served.card.specials if day.on == TODAY for item in day.items]
    return [one for one in (*served.card.items, *specials) if one.id not in served.sold_out]


def plainly_fits(item: Item, asked: Asked) -> bool:
    if asked.without and item.allergens is None:
        return False
    if any(one in (item.allergens or []) or one in item.traces for one in asked.without):
        return False
    return all(diet in item.diets or (diet == "vegetarian" and "vegan" in item.diets) for diet in asked.diets)


def cheapest(item: Item) -> int:
    return min(size.price_minor for size in item.sizes) if item.sizes else item.price_minor or 0


def random_asked(rng: random.Random) -> Asked:
    maximum = rng.choice([None, None, rng.randrange(300, 3_000, 100)])
    return Asked(
        without=tuple(rng.sample(ALLERGENS, rng.choice([0, 0, 1, 2, 3]))),
        diets=tuple(rng.sample(DIETS, rng.choice([0, 0, 0, 1, 2]))),
        cuisines=tuple(rng.sample(KITCHENS, rng.choice([0, 0, 1, 2]))),
        max_price_minor=maximum,
        currency=None if maximum is None and rng.random() < 0.7 else rng.choice(["EUR", "SEK"]),
    )
