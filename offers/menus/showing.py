"""The menus of a site as a phone is shown them: one language, open ones first, what ran out marked.

Reads the published versions only. A phone needs no consent for this and says nothing about where it is.
Whole cards, or heads only (`compact`); which menus are near is not asked here.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from geo.errors import NotFound
from geo.wall_clock import wall_time
from offers.menus.allergens import Spoken, in_order, written
from offers.menus.card import AddOn, Card, Formula, Item, Section
from offers.menus.opening import is_served, opening_of
from offers.menus.shown import (
    MenuHead,
    ShownAddOn,
    ShownCourse,
    ShownFormula,
    ShownItem,
    ShownMenu,
    ShownSection,
    ShownSize,
    SiteMenus,
)
from offers.menus.speaking import language_for, said

_SITE: Final = "SELECT time_zone FROM sites WHERE site_id = $1"
_MENUS: Final = """
    SELECT p.menu_id, p.site_id, p.version, p.published_at, p.items, p.price_from_minor, p.price_to_minor,
           v.content_hash, v.card, s.time_zone, s.opening_hours AS site_hours, o.sold_out
    FROM published_menus AS p
    JOIN sites AS s ON s.site_id = p.site_id
    JOIN retailers AS r ON r.retailer_id = s.retailer_id AND r.stopped_at IS NULL
    JOIN menu_versions AS v ON v.menu_id = p.menu_id AND v.version = p.version
    LEFT JOIN LATERAL (
        SELECT json_object_agg(i.item_id, nullif(i.sold_out_until, 'infinity')) AS sold_out
        FROM menu_items AS i WHERE i.menu_id = p.menu_id AND i.sold_out_until > $2
    ) AS o ON true
"""
_OF_SITE: Final = f"{_MENUS} WHERE p.site_id = $1 ORDER BY p.menu_id"
_ONE: Final = f"{_MENUS} WHERE p.menu_id = $1"

_CARD: Final = msgspec.json.Decoder(Card)
_SOLD_OUT: Final = msgspec.json.Decoder(dict[str, datetime | None])


class Reader(NamedTuple):
    """Who reads: language tags, best first, and the language of the sentences about allergens."""

    wanted: Sequence[str]
    spoken: Spoken


async def menus_of_site(
    connection: asyncpg.Connection, site_id: int, reader: Reader, now: datetime, *, compact: bool = False
) -> SiteMenus:
    """All that are published there, whole or (`compact`) their heads. NotFound for a site there is not."""
    time_zone: str | None = await connection.fetchval(_SITE, site_id)
    if time_zone is None:
        raise NotFound(f"There is no site {site_id}.")
    rows = await connection.fetch(_OF_SITE, site_id, now)
    menus = [_shown(row, reader, now, compact=compact) for row in rows]
    return SiteMenus(site_id=site_id, time_zone=time_zone, menus=sorted(menus, key=_open_first))


async def menu_shown(
    connection: asyncpg.Connection, menu_id: int, reader: Reader, now: datetime
) -> ShownMenu:
    """One menu, as an offer names it. Raises NotFound for one that phones cannot see."""
    row = await connection.fetchrow(_ONE, menu_id, now)
    if row is None:
        raise NotFound(f"There is no menu {menu_id}.")
    return _shown(row, reader, now)


def _open_first(menu: MenuHead) -> tuple[int, int]:
    return (True, None, False).index(menu.open_now), menu.menu_id


def _head(row: asyncpg.Record, card: Card, wanted: Sequence[str], now: datetime) -> dict[str, Any]:
    language = language_for(card, wanted)
    opening = opening_of(card.opening_hours, row["site_hours"], row["time_zone"], now)
    same = ("menu_id", "site_id", "version", "content_hash", "published_at", "items")
    return {
        **{name: row[name] for name in (*same, "price_from_minor", "price_to_minor")},
        "name": said(card.name, language, card.language) or "",
        "language": language,
        "languages": card.languages,
        "cuisines": card.cuisines,
        "currency": card.currency,
        "opening_hours": card.opening_hours,
        **opening._asdict(),
    }


def _shown(row: asyncpg.Record, reader: Reader, now: datetime, *, compact: bool = False) -> ShownMenu:
    card = _CARD.decode(row["card"])
    head = _head(row, card, reader.wanted, now)
    if compact:
        return ShownMenu(**head)
    sold_out = _SOLD_OUT.decode(row["sold_out"] or "{}")
    telling = _Telling(card, head["language"], reader.spoken, sold_out)
    today = wall_time(now, row["time_zone"]).date()

    def open_now(formula: Formula) -> bool | None:
        own, of_menu = formula.opening_hours, head["open_now"]
        if own is None or of_menu is False:
            return bool(of_menu) if of_menu is not None else None
        return is_served(own, row["site_hours"], row["time_zone"], now)

    return ShownMenu(
        **head,
        description=telling.words(card.description),
        sections=[telling.section(one) for one in card.sections],
        formulas=[telling.formula(one, open_now(one)) for one in card.formulas],
        specials=telling.specials(today),
    )


class _Telling:
    """Says the parts of one card in one language."""

    def __init__(
        self, card: Card, language: str, spoken: Spoken, sold_out: Mapping[str, datetime | None]
    ) -> None:
        self._card, self._language, self._spoken, self._sold_out = card, language, spoken, sold_out
        self._items_of = {section.id: [item.id for item in section.items] for section in card.sections}

    def words(self, text: Mapping[str, str]) -> str | None:
        return said(text, self._language, self._card.language)

    def section(self, section: Section) -> ShownSection:
        return ShownSection(
            id=section.id,
            name=self.words(section.name) or "",
            description=self.words(section.description),
            items=[self._item(one) for one in section.items],
        )

    def specials(self, today: date) -> list[ShownItem]:
        return [self._item(one) for day in self._card.specials if day.on == today for one in day.items]

    def formula(self, formula: Formula, open_now: bool | None) -> ShownFormula:
        return ShownFormula(
            id=formula.id,
            name=self.words(formula.name) or "",
            description=self.words(formula.description),
            price_minor=formula.price_minor,
            opening_hours=formula.opening_hours,
            open_now=open_now,
            available=formula.id not in self._sold_out,
            courses=[
                ShownCourse(
                    name=self.words(course.name) or "",
                    choose=course.choose,
                    item_ids=self._offered(course.section_ids, course.item_ids),
                    supplements={one.item_id: one.price_minor for one in course.supplements},
                )
                for course in formula.courses
            ],
        )

    def _offered(self, section_ids: Sequence[str], item_ids: Sequence[str]) -> list[str]:
        """Whole sections and single items, each item once."""
        of_sections = [one for section_id in section_ids for one in self._items_of[section_id]]
        return list(dict.fromkeys([*of_sections, *item_ids]))

    def _item(self, item: Item) -> ShownItem:
        sizes = [
            ShownSize(id=one.id, name=self.words(one.name), price_minor=one.price_minor) for one in item.sizes
        ]
        if item.price_minor is not None:
            sizes = [ShownSize(id=None, name=None, price_minor=item.price_minor)]
        return ShownItem(
            **self._food(item),
            description=self.words(item.description),
            sizes=sizes,
            add_ons=[ShownAddOn(**self._food(one), price_minor=one.price_minor) for one in item.add_ons],
            photos=item.photos,
            available=item.id not in self._sold_out,
            sold_out_until=self._sold_out.get(item.id),
        )

    def _food(self, food: Item | AddOn) -> dict[str, Any]:
        return {
            "id": food.id,
            "name": self.words(food.name) or "",
            "allergens": None if food.allergens is None else in_order(food.allergens),
            "traces": in_order(food.traces),
            "allergens_text": written(food.allergens, food.traces, self._spoken),
            "diets": food.diets,
        }
