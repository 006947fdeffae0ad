"""What phones are told of menus: the shapes of the answers, in one language each. Says nothing by itself."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

Minor = Annotated[int, msgspec.Meta(ge=0)]


class ShownSize(msgspec.Struct, frozen=True, kw_only=True):
    """One way to have it. `name` null: there is only one."""

    id: str | None
    name: str | None
    price_minor: Minor


class ShownFood(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of every food. `allergens` null is not stated, [] none declared; the text says either."""

    id: str
    name: str
    allergens: list[str] | None
    traces: list[str]
    allergens_text: str
    diets: list[str]


class ShownAddOn(ShownFood, frozen=True, kw_only=True):
    """What can go with it, for so much more."""

    price_minor: Minor


class ShownItem(ShownFood, frozen=True, kw_only=True):
    """A dish. `sold_out_until` null while it is not `available`: nobody knows until when."""

    description: str | None
    sizes: list[ShownSize]
    add_ons: list[ShownAddOn]
    photos: list[str]
    available: bool
    sold_out_until: datetime | None


class ShownSection(msgspec.Struct, frozen=True, kw_only=True):
    """Starters, mains, wines."""

    id: str
    name: str
    description: str | None
    items: list[ShownItem]


class ShownCourse(msgspec.Struct, frozen=True, kw_only=True):
    """Choose so many of these items; some cost more."""

    name: str
    choose: int
    item_ids: list[str]
    supplements: dict[str, Minor]


class ShownFormula(msgspec.Struct, frozen=True, kw_only=True):
    """A meal for one price. `open_now` null: not known."""

    id: str
    name: str
    description: str | None
    price_minor: Minor
    opening_hours: str | None
    open_now: bool | None
    available: bool
    courses: list[ShownCourse]


class MenuHead(msgspec.Struct, frozen=True, kw_only=True):
    """A menu in a list. `version` and `content_hash` say for ever what it was. Hours are OSM syntax."""

    menu_id: int
    site_id: int
    version: int
    content_hash: str
    published_at: datetime
    name: str
    language: str
    languages: list[str]
    cuisines: list[str]
    currency: str
    opening_hours: str | None
    open_now: bool | None
    closes_at: datetime | None
    opens_at: datetime | None
    items: int
    price_from_minor: Minor | None
    price_to_minor: Minor | None


class ShownMenu(MenuHead, frozen=True, kw_only=True):
    """A whole card; its compact form is the head alone. `specials` are today's, on the clock of the site."""

    description: str | UnsetType | None = UNSET
    sections: list[ShownSection] | UnsetType = UNSET
    formulas: list[ShownFormula] | UnsetType = UNSET
    specials: list[ShownItem] | UnsetType = UNSET


class SiteMenus(msgspec.Struct, frozen=True, kw_only=True):
    """The menus of a site: those served now first."""

    site_id: int
    time_zone: str
    menus: list[ShownMenu]
