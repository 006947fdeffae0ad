"""A menu as it is written on the wire: the card, and what stands around it."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.routes.offer_forms import Moment
from api.routes.resources import PlaceId, of_server
from geo.errors import Fault, InvalidInput
from offers.menus.availability import SoldOut
from offers.menus.card import Card, Item, card_of
from offers.menus.reading import read_card
from offers.menus.tables import MenuRow, MenuVersionRow

Status = Literal["draft", "published"]
ItemId = Annotated[str, Meta(min_length=1, max_length=64)]


class Menu(Card, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A menu of a site, as it is being written. Phones see its `published_version`."""

    site_id: Annotated[PlaceId, Meta(description="Where it is served; it cannot move.")]
    external_id: str | None = None
    menu_id: Annotated[int | UnsetType, of_server] = UNSET
    retailer_id: Annotated[int | UnsetType, of_server] = UNSET
    status: Annotated[Status | UnsetType, of_server] = UNSET
    published_version: Annotated[int | UnsetType | None, of_server] = UNSET
    content_hash: Annotated[str | UnsetType, of_server] = UNSET
    revision: Annotated[int | UnsetType, of_server] = UNSET
    created_at: Annotated[datetime | UnsetType, of_server] = UNSET
    updated_at: Annotated[datetime | UnsetType, of_server] = UNSET


class ListedMenu(msgspec.Struct, kw_only=True):
    """A menu in a list: without its card."""

    menu_id: int
    retailer_id: int
    site_id: int
    external_id: str | None
    name: dict[str, str]
    status: Status
    published_version: int | None
    content_hash: str
    revision: int
    created_at: datetime
    updated_at: datetime


class MenuVersion(msgspec.Struct, kw_only=True):
    """What phones saw from `published_at` until `ended_at` (null: they still do)."""

    version: int
    content_hash: str
    published_at: datetime
    ended_at: datetime | None


class WholeMenuVersion(MenuVersion, kw_only=True):
    """With its card, and what was sold out at the moment that was asked for."""

    card: Card
    sold_out: list[SoldOut]


class Availability(msgspec.Struct, kw_only=True):
    """What is sold out now."""

    sold_out: list[SoldOut]


class AvailabilityEdit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Items that ran out, or are back. `sold_out_today` ends at midnight where the site is."""

    item_ids: Annotated[list[ItemId], Meta(min_length=1, max_length=1000)]
    state: Literal["available", "sold_out", "sold_out_today"]
    until: Annotated[Moment | None, Meta(description="With `sold_out`; null: until they are put back.")] = (
        None
    )


class DaySpecials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What there is that day beside the card; an empty list takes it away."""

    items: Annotated[list[Item], Meta(max_length=50)]


CARD_MEMBERS: Final = Card.__struct_fields__


def card_in(data: Menu) -> Card:
    return Card(**{name: getattr(data, name) for name in CARD_MEMBERS})


def shown(row: MenuRow) -> Menu:
    card = card_of(row.card)
    return Menu(
        **{name: getattr(card, name) for name in CARD_MEMBERS},
        site_id=row.site_id,
        external_id=row.external_id,
        status=_status(row),
        **{
            name: getattr(row, name)
            for name in (
                "menu_id", "retailer_id", "published_version", "content_hash", "revision", "created_at",
                "updated_at",
            )
        },
    )  # fmt: skip


def listed(row: MenuRow) -> ListedMenu:
    same = {
        name: getattr(row, name) for name in ListedMenu.__struct_fields__ if name not in {"name", "status"}
    }
    return ListedMenu(name=row.card["name"], status=_status(row), **same)


def version_shown(row: MenuVersionRow) -> MenuVersion:
    return MenuVersion(**{name: getattr(row, name) for name in MenuVersion.__struct_fields__})


def patched(row: MenuRow, patch: dict[str, Any]) -> tuple[str | None, Card]:
    """(external_id, card) after a merge patch (RFC 7396). Raises InvalidInput for what cannot be then."""
    unknown = [name for name in patch if name not in CARD_MEMBERS and name != "external_id"]
    if unknown:
        known = ", ".join(["external_id", *CARD_MEMBERS])
        faults = tuple(Fault(name[:100], f"cannot be changed here; there are {known}") for name in unknown)
        raise InvalidInput("The menu cannot be used.", faults=faults)
    external_id = patch.pop("external_id", row.external_id)
    if external_id is not None and not isinstance(external_id, str):
        raise InvalidInput("The menu cannot be used.", faults=(Fault("external_id", "must be a text"),))
    return external_id, read_card(merged(row.card, patch))


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: members are merged, null takes one away, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _status(row: MenuRow) -> Status:
    return "draft" if row.published_version is None else "published"
