"""What lists and filters read of the menus that phones may see, kept in the transaction that publishes.

`published_menus` has a row for each of them, `menu_items` one for each item, formula and special, with prices
in minor units and allergens and diets as bits. Owns both; reads neither.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from offers.menus import allergens, diets
from offers.menus.card import Card, Item
from offers.menus.tables import MenuRow

_FORGET: Final = text("DELETE FROM published_menus WHERE menu_id = :menu_id")
_SHOW: Final = text("""
INSERT INTO published_menus (menu_id, site_id, retailer_id, version, published_at, language, languages, name,
                             cuisines, currency, opening_hours, items, price_from_minor, price_to_minor)
SELECT :menu_id, :site_id, :retailer_id, :version, :now, e.*
FROM json_to_record(CAST(CAST(:head AS text) AS json)) AS e(
    language text, languages text[], name jsonb, cuisines text[], currency text, opening_hours text,
    items integer, price_from_minor bigint, price_to_minor bigint)
""")
# What was sold out before stays so.
_ITEMS: Final = text("""
INSERT INTO menu_items (menu_id, item_no, site_id, item_id, kind, price_minor, price_to_minor, currency,
                        allergens, traces, diets, special_on, sold_out_until)
SELECT :menu_id, e.item_no, :site_id, e.item_id, e.kind, e.price_minor, e.price_to_minor, :currency,
       e.allergens, e.traces, e.diets, e.special_on, last.sold_out_until
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    item_no integer, item_id text, kind text, price_minor bigint, price_to_minor bigint,
    allergens integer, traces integer, diets integer, special_on date)
LEFT JOIN LATERAL (
    SELECT a.sold_out_until FROM menu_availability AS a
    WHERE a.menu_id = :menu_id AND a.item_id = e.item_id ORDER BY a.event_no DESC LIMIT 1
) AS last ON true
""")


async def show(session: AsyncSession, menu: MenuRow, card: Card, now: datetime) -> None:
    """Make the rows say what the menu's published version says, which is `card`."""
    await hide(session, menu.menu_id)
    values = {"menu_id": menu.menu_id, "site_id": menu.site_id}
    head = msgspec.json.encode(_head(card)).decode()
    version = {"retailer_id": menu.retailer_id, "version": menu.published_version, "now": now}
    await session.execute(_SHOW, {**values, **version, "head": head})
    rows = msgspec.json.encode(list(item_rows(card))).decode()
    await session.execute(_ITEMS, {**values, "currency": card.currency, "rows": rows})


async def hide(session: AsyncSession, menu_id: int) -> None:
    """Let phones see nothing of it."""
    await session.execute(_FORGET, {"menu_id": menu_id})


def item_rows(card: Card) -> Iterator[dict[str, Any]]:
    """The rows of `menu_items` in the card's order: items, then formulas, then specials.

    What a formula is made of has allergens of its own: the formula's are not stated.
    """
    number = 0
    for item in card.items:
        yield {"item_no": number, "kind": "item", **_row(item)}
        number += 1
    for formula in card.formulas:
        price = formula.price_minor
        yield {
            "item_no": number, "kind": "formula", "item_id": formula.id, "price_minor": price,
            "price_to_minor": price, "traces": 0, "diets": 0,
        }  # fmt: skip
        number += 1
    for special in card.specials:
        for item in special.items:
            yield {"item_no": number, "kind": "special", "special_on": special.on, **_row(item)}
            number += 1


def _row(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.id,
        "price_minor": min(item.prices),
        "price_to_minor": max(item.prices),
        "allergens": None if item.allergens is None else allergens.mask_of(item.allergens),
        "traces": allergens.mask_of(item.traces),
        "diets": diets.mask_of(item.diets),
    }


def _head(card: Card) -> dict[str, Any]:
    prices = [price for item in card.items for price in item.prices]
    prices = prices or [formula.price_minor for formula in card.formulas]
    return {
        "language": card.language,
        "languages": card.languages,
        "name": card.name,
        "cuisines": card.cuisines,
        "currency": card.currency,
        "opening_hours": card.opening_hours,
        "items": sum(1 for _ in card.items),
        "price_from_minor": min(prices, default=None),
        "price_to_minor": max(prices, default=None),
    }
