"""Menus around somebody who looks: one indexed statement finds them, `offers.menus.ranking` orders them.

Where the dishes have to fit, the statement looks at each of them; hours are judged afterwards, in each
place's own zone. Nothing about who asks, where or for what is kept. Which offers run there plays no part.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import asyncpg
import msgspec
from msgspec import UNSET, UnsetType

from geo.errors import Fault, InvalidInput
from geo.spots import Spot
from geo.wall_clock import wall_time
from offers.menus.allergens import in_order
from offers.menus.card import Card, Item
from offers.menus.fitting import VEGAN, VEGETARIAN, Wish, fits
from offers.menus.opening import Opening, opening_of
from offers.menus.ranking import Candidate, ranked, walk_m, whole_walk_min
from offers.menus.speaking import best_of, said

FURTHEST_M: Final = 20_000.0
# So many of the nearest that fit are ranked.
MOST_CONSIDERED: Final = 500
_VEGAN_IS_VEGETARIAN: Final = VEGETARIAN // VEGAN

# sites_near answers where and how near, published_menus_of_site what is there, and menu_items_of_site, which
# has all the columns that are asked for, which of it fits. A main course is what costs at least the median of
# its card: coffee and bread do not make a place cheap.
AROUND: Final = f"""
    SELECT s.site_id, s.retailer_id, s.name AS site_name, s.kind, s.time_zone, s.opening_hours AS site_hours,
           s.attribution, ST_Y(s.location) AS lat, ST_X(s.location) AS lon,
           ST_Distance(s.location::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography)
               AS distance_m,
           degrees(ST_Azimuth(ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography, s.location::geography))
               AS bearing_deg,
           p.menu_id, p.version, p.published_at, p.name::text AS name, p.language, p.languages, p.cuisines,
           p.currency, p.opening_hours, p.items, p.price_from_minor, p.price_to_minor,
           f.fitting, f.main_from_minor, f.formula_from_minor
    FROM sites AS s
    JOIN retailers AS r ON r.retailer_id = s.retailer_id AND r.stopped_at IS NULL
    JOIN published_menus AS p ON p.site_id = s.site_id
    CROSS JOIN LATERAL (
        SELECT coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY i.price_minor), 0) AS price_minor
        FROM menu_items AS i
        WHERE i.site_id = s.site_id AND i.menu_id = p.menu_id AND i.kind = 'item'
    ) AS median
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE i.kind <> 'formula') AS fitting,
               min(i.price_minor) FILTER (WHERE i.kind <> 'formula' AND i.price_minor >= median.price_minor)
                   AS main_from_minor,
               min(i.price_minor) FILTER (WHERE i.kind = 'formula') AS formula_from_minor
        FROM menu_items AS i
        WHERE i.site_id = s.site_id AND i.menu_id = p.menu_id
          AND (i.sold_out_until IS NULL OR i.sold_out_until <= $6)
          AND (i.special_on IS NULL OR i.special_on = ($6 AT TIME ZONE s.time_zone)::date)
          AND ($7::int = 0 OR (i.allergens IS NOT NULL AND (i.allergens | i.traces) & $7 = 0))
          AND (i.diets | (i.diets & {VEGAN}) * {_VEGAN_IS_VEGETARIAN}) & $8::int = $8
    ) AS f
    WHERE ST_DWithin(s.location::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography, $3)
      AND ($4::text[] IS NULL OR s.kind = ANY($4))
      AND ($9::text[] IS NULL OR p.cuisines && $9)
      AND ($10::text IS NULL OR p.currency = $10)
      AND (($7 = 0 AND $8 = 0) OR f.fitting > 0)
      AND ($11::bigint IS NULL OR least(f.main_from_minor, f.formula_from_minor) <= $11)
    ORDER BY s.location::geography <-> ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography
    LIMIT $5
"""  # noqa: S608 - numbers of this module
_CARDS: Final = """
    SELECT v.menu_id, v.card::text AS card, o.sold_out
    FROM unnest($1::bigint[], $2::int[]) AS shown (menu_id, version)
    JOIN menu_versions AS v ON v.menu_id = shown.menu_id AND v.version = shown.version
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(i.item_id), '{}') AS sold_out
        FROM menu_items AS i WHERE i.menu_id = shown.menu_id AND i.sold_out_until > $3
    ) AS o
"""

_CARD: Final = msgspec.json.Decoder(Card)
_LABEL: Final = msgspec.json.Decoder(dict[str, str])

Minor = Annotated[int, msgspec.Meta(ge=0)]


class DishHere(msgspec.Struct, frozen=True, kw_only=True):
    """A dish that fits and is to be had now. `allergens` null is not stated, [] none declared."""

    id: str
    name: str
    price_from_minor: Minor
    price_to_minor: Minor
    allergens: list[str] | None
    traces: list[str]
    diets: list[str]


class MenuNearby(msgspec.Struct, frozen=True, kw_only=True):
    """A menu as seen from somewhere, in a list; its card is at `/v1/menus/{menu_id}/card`.

    `distance_m` is as the crow flies, `walk_m` and `walk_min` are what that is about on foot. `open_now`
    null: not known. `fitting` counts the dishes to be had that are as asked for (all, where nothing was
    asked), `main_from_minor` and `formula_from_minor` are the cheapest of them: a main course is what costs
    at least the median of the card. `sponsored` is false: no place can be bought.
    """

    menu_id: int
    version: int
    name: str
    language: str
    languages: list[str]
    cuisines: list[str]
    site_id: int
    retailer_id: int
    site_name: str
    kind: str
    lat: float
    lon: float
    time_zone: str
    attribution: str | None
    distance_m: float
    walk_m: float
    walk_min: int
    bearing_deg: float | None
    open_now: bool | None
    closes_at: datetime | None
    opens_at: datetime | None
    currency: str
    items: int
    price_from_minor: Minor | None
    price_to_minor: Minor | None
    fitting: int
    main_from_minor: Minor | None
    formula_from_minor: Minor | None
    sponsored: Literal[False] = False
    dishes: list[DishHere] | UnsetType = UNSET


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody looks: for what, how far, at which kinds of sites (None: all), and how it is told.

    `languages` best first, else each menu's own; `tastes` as for `ranked`; `limit` menus at most.
    """

    wish: Wish = Wish()
    radius_m: float = 1_000.0
    kinds: tuple[str, ...] | None = None
    languages: tuple[str, ...] = ()
    tastes: frozenset[str] = frozenset()
    limit: int = 20
    with_dishes: bool = False


async def menus_around(
    connection: asyncpg.Connection, spot: Spot, search: Search, now: datetime
) -> list[MenuNearby]:
    """The menus that fit, the best first. Raises InvalidInput for a radius out of reason."""
    if not 1 <= search.radius_m <= FURTHEST_M:
        reason = f"must be 1 to {FURTHEST_M:.0f} metres"
        raise InvalidInput(f"radius_m {reason}", faults=(Fault("radius_m", reason),))
    found = await connection.fetch(AROUND, *arguments(spot, search, now))
    rows = {row["menu_id"]: row for row in found}
    openings = {menu_id: _opening(row, now) for menu_id, row in rows.items()}
    candidates = [
        _candidate(row, openings[menu_id])
        for menu_id, row in rows.items()
        if not search.wish.only_open or openings[menu_id].open_now
    ]
    best = [one.menu_id for one in ranked(candidates, now, search.tastes)][: search.limit]
    menus = [_menu(rows[menu_id], openings[menu_id], search.languages) for menu_id in best]
    return await _with_dishes(connection, menus, search.wish, now) if search.with_dishes else menus


def arguments(spot: Spot, search: Search, now: datetime) -> tuple[object, ...]:
    """Those of `AROUND`."""
    wish, kinds = search.wish, search.kinds
    where = (spot.lon, spot.lat, search.radius_m, None if kinds is None else list(kinds))
    what = (wish.without, wish.diets, list(wish.cuisines) or None, wish.currency, wish.max_price_minor)
    return (*where, MOST_CONSIDERED, now, *what)


def _opening(row: asyncpg.Record, now: datetime) -> Opening:
    return opening_of(row["opening_hours"], row["site_hours"], row["time_zone"], now)


def _candidate(row: asyncpg.Record, opening: Opening) -> Candidate:
    return Candidate(
        menu_id=row["menu_id"],
        distance_m=row["distance_m"],
        cuisines=frozenset(row["cuisines"]),
        **opening._asdict(),
    )


def _menu(row: asyncpg.Record, opening: Opening, languages: Sequence[str]) -> MenuNearby:
    same = (
        "menu_id", "version", "languages", "cuisines", "site_id", "retailer_id", "site_name", "kind", "lat",
        "lon", "time_zone", "attribution", "currency", "items", "price_from_minor", "price_to_minor",
        "fitting", "main_from_minor", "formula_from_minor",
    )  # fmt: skip
    own, bearing, distance_m = row["language"], row["bearing_deg"], row["distance_m"]
    language = best_of(row["languages"], languages) or own
    return MenuNearby(
        **{name: row[name] for name in same},
        **opening._asdict(),
        name=said(_LABEL.decode(row["name"]), language, own) or "",
        language=language,
        distance_m=round(distance_m, 1),
        walk_m=round(walk_m(distance_m), 1),
        walk_min=whole_walk_min(distance_m),
        bearing_deg=None if bearing is None else round(bearing, 1) % 360,
    )


async def _with_dishes(
    connection: asyncpg.Connection, menus: list[MenuNearby], wish: Wish, now: datetime
) -> list[MenuNearby]:
    shown = ([menu.menu_id for menu in menus], [menu.version for menu in menus])
    rows = {row["menu_id"]: row for row in await connection.fetch(_CARDS, *shown, now)}
    return [
        msgspec.structs.replace(menu, dishes=_dishes(rows[menu.menu_id], menu, wish, now)) for menu in menus
    ]


def _dishes(row: asyncpg.Record, menu: MenuNearby, wish: Wish, now: datetime) -> list[DishHere]:
    card, sold_out = _CARD.decode(row["card"]), set(row["sold_out"])
    today = wall_time(now, menu.time_zone).date()
    specials = [item for day in card.specials if day.on == today for item in day.items]
    return [
        _dish(item, menu.language, card.language)
        for item in (*card.items, *specials)
        if item.id not in sold_out and fits(item, wish)
    ]


def _dish(item: Item, language: str, own: str) -> DishHere:
    return DishHere(
        id=item.id,
        name=said(item.name, language, own) or "",
        price_from_minor=min(item.prices),
        price_to_minor=max(item.prices),
        allergens=None if item.allergens is None else in_order(item.allergens),
        traces=in_order(item.traces),
        diets=item.diets,
    )
