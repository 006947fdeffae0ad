"""Menus as retailers write them: created, read, edited, published; one retailer's at a time.

Two things are kept apart: the card somebody is writing, and the version that phones see. Publishing makes a
version for ever; edits touch no version. What a card may say is `offers.menus.judging`'s, what ran out
`offers.menus.availability`'s.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

import msgspec
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from geo.places import external_id_faults
from geo.sites import positions_of_sites
from geo.tables import is_one_of
from geo.taken import given_once
from offers.menus import projection
from offers.menus.card import Card, Item, Special, as_json, card_of, hash_of
from offers.menus.judging import refuse_faulty
from offers.menus.tables import MenuRow, MenuVersionRow

_NEW_VERSION: Final = text("""
INSERT INTO menu_versions (menu_id, version, card, content_hash, published_at)
VALUES (:menu_id, :version, CAST(CAST(:card AS text) AS jsonb), :content_hash, :now)
""")


async def create_menu(
    session: AsyncSession, retailer_id: int, site_id: int, external_id: str | None, card: Card, now: datetime
) -> MenuRow:
    """A menu that nobody sees yet. Raises InvalidInput; NotFound for a site that is not the retailer's;
    Conflict for an `external_id` that is taken.
    """
    _refuse(external_id, card)
    if not await positions_of_sites(session, retailer_id, [site_id]):
        raise NotFound(f"There is no site {site_id}.", faults=(Fault("site_id", "there is no such site"),))
    menu = MenuRow(
        retailer_id=retailer_id,
        site_id=site_id,
        external_id=external_id,
        card=as_json(card),
        content_hash=hash_of(card),
        last_version=0,
        revision=1,
        created_at=now,
        updated_at=now,
    )
    session.add(menu)
    with given_once("external_id"):
        await session.flush()
    return menu


async def edit_menu(
    session: AsyncSession, menu: MenuRow, external_id: str | None, card: Card, now: datetime
) -> bool:
    """Make it say this; it was read for update. False if it said so already."""
    _refuse(external_id, card)
    content_hash = hash_of(card)
    if (external_id, content_hash) == (menu.external_id, menu.content_hash):
        return False
    menu.external_id = external_id
    if content_hash != menu.content_hash:
        menu.card, menu.content_hash = as_json(card), content_hash
    _touch(menu, now)
    with given_once("external_id"):
        await session.flush()
    return True


async def publish_menu(session: AsyncSession, menu: MenuRow, now: datetime) -> bool:
    """Let phones see it as it is written now; False if they do already. InvalidInput if it is empty."""
    card = card_of(menu.card)
    if not any(card.items) and not card.formulas and not card.specials:
        reason = "must have items before it is published"
        raise InvalidInput("The menu is empty.", faults=(Fault("sections", reason),))
    return await _publish(session, menu, card, now)


async def unpublish_menu(session: AsyncSession, menu: MenuRow, now: datetime) -> bool:
    """Let phones see nothing of it; False if they do not. Its versions stay."""
    if menu.published_version is None:
        return False
    await projection.hide(session, menu.menu_id)
    await _end_version(session, menu.menu_id, now)
    menu.published_version = None
    _touch(menu, now)
    await session.flush()
    return True


async def put_special(
    session: AsyncSession, menu: MenuRow, on: date, items: Sequence[Item], now: datetime
) -> bool:
    """Make these what there is on that day beside the card; none takes them away. False: they were so.

    Where the menu is published a version follows at once, of what phones see with only this changed.
    """
    card = card_of(menu.card)
    written = with_special(card, on, items)
    is_edited = await edit_menu(session, menu, menu.external_id, written, now)
    if menu.published_version is None:
        return is_edited
    shown = with_special(await published_card(session, menu), on, items)
    refuse_faulty(shown)
    return await _publish(session, menu, shown, now) or is_edited


def with_special(card: Card, on: date, items: Sequence[Item]) -> Card:
    """The card with these items on that day, and no others then."""
    others = [one for one in card.specials if one.on != on]
    mine = [Special(on=on, items=list(items))] if items else []
    return msgspec.structs.replace(card, specials=sorted([*others, *mine], key=lambda one: one.on))


async def delete_menu(session: AsyncSession, menu: MenuRow) -> None:
    """Only what was never published: what phones have seen stays (Conflict)."""
    if menu.last_version:
        raise Conflict("It was published once, and what phones saw of it stays; unpublish it.", code="in_use")
    await session.delete(menu)


async def menu_of(
    session: AsyncSession, retailer_id: int, menu_id: int, *, for_update: bool = False
) -> MenuRow:
    query = select(MenuRow).where(MenuRow.retailer_id == retailer_id, MenuRow.menu_id == menu_id)
    menu = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if menu is None:
        raise NotFound(f"There is no menu {menu_id}.")
    return menu


async def list_menus(
    session: AsyncSession,
    retailer_id: int,
    *,
    after_id: int,
    limit: int,
    site_id: int | None = None,
    external_id: str | None = None,
) -> Sequence[MenuRow]:
    """In the order of their ids, those after `after_id`."""
    query = select(MenuRow).where(MenuRow.retailer_id == retailer_id, MenuRow.menu_id > after_id)
    if site_id is not None:
        query = query.where(MenuRow.site_id == site_id)
    if external_id is not None:
        query = query.where(MenuRow.external_id == external_id)
    return (await session.scalars(query.order_by(MenuRow.menu_id).limit(limit))).all()


async def version_of(session: AsyncSession, menu: MenuRow, version: int) -> MenuVersionRow:
    query = select(MenuVersionRow).where(
        MenuVersionRow.menu_id == menu.menu_id, MenuVersionRow.version == version
    )
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise NotFound(f"The menu has no version {version}.")
    return found


async def list_versions(
    session: AsyncSession, menu: MenuRow, *, before: int | None, limit: int
) -> Sequence[MenuVersionRow]:
    """The newest first, those before `before`."""
    query = select(MenuVersionRow).where(MenuVersionRow.menu_id == menu.menu_id)
    if before is not None:
        query = query.where(MenuVersionRow.version < before)
    return (await session.scalars(query.order_by(MenuVersionRow.version.desc()).limit(limit))).all()


async def hold_menus(session: AsyncSession, retailer_id: int, menu_ids: Collection[int]) -> set[int]:
    """Those that exist and are this retailer's, held until the commit, so that offers may name them."""
    if not menu_ids:
        return set()
    query = select(MenuRow.menu_id).where(
        MenuRow.retailer_id == retailer_id, is_one_of(MenuRow.menu_id, menu_ids)
    )
    held = await session.scalars(query.order_by(MenuRow.menu_id).with_for_update(read=True, key_share=True))
    return set(held.all())


async def published_card(session: AsyncSession, menu: MenuRow) -> Card:
    """What phones see; the menu is published."""
    assert menu.published_version is not None
    return card_of((await version_of(session, menu, menu.published_version)).card)


async def refuse_while_published(session: AsyncSession, site_id: int) -> None:
    """Raise Conflict if phones can see a menu of this site, which the caller locked for update."""
    query = select(MenuRow.menu_id).where(MenuRow.site_id == site_id, MenuRow.published_version.is_not(None))
    if published := (await session.scalars(query.order_by(MenuRow.menu_id).limit(10))).all():
        named = ", ".join(str(menu_id) for menu_id in published)
        raise Conflict(f"Menus of it are published: {named}.", code="in_use")


async def _publish(session: AsyncSession, menu: MenuRow, card: Card, now: datetime) -> bool:
    content_hash = hash_of(card)
    if menu.published_version is not None:
        shown = await version_of(session, menu, menu.published_version)
        if shown.content_hash == content_hash:
            return False
    await _end_version(session, menu.menu_id, now)
    menu.last_version += 1
    values = {"menu_id": menu.menu_id, "version": menu.last_version, "content_hash": content_hash, "now": now}
    await session.execute(_NEW_VERSION, {**values, "card": msgspec.json.encode(card).decode()})
    menu.published_version = menu.last_version
    _touch(menu, now)
    await session.flush()
    await projection.show(session, menu, card, now)
    return True


async def _end_version(session: AsyncSession, menu_id: int, now: datetime) -> None:
    shown = (MenuVersionRow.menu_id == menu_id) & MenuVersionRow.ended_at.is_(None)
    ending = update(MenuVersionRow).where(shown).values(ended_at=now)
    await session.execute(ending.execution_options(synchronize_session=False))


def _refuse(external_id: str | None, card: Card) -> None:
    if faults := external_id_faults(external_id, "external_id"):
        raise InvalidInput("The menu cannot be used.", faults=tuple(faults))
    refuse_faulty(card)


def _touch(menu: MenuRow, now: datetime) -> None:
    menu.revision += 1
    menu.updated_at = now
