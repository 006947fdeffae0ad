"""Offers as retailers write them: created, read, edited; one retailer's at a time.

Owns when an offer may be changed. What it may say is `offers.retail.offer_edits`', its life (activate …
stop) `offers.retail.lifecycle`'s, its stock `offers.retail.budgets`', its numbers `offers.retail.counts`'.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault, NotFound
from geo.fences import hold_fences
from geo.sites import positions_of_sites
from geo.taken import given_once
from offers.menus.menu_edits import hold_menus
from offers.retail.offer_edits import WIRE, OfferEdit, missing_faults, missing_menu, refuse_faulty
from offers.tables import OfferRow

# While an offer runs, whom it reaches and how must not change: those people were not asked again.
_FROZEN_WHILE_ACTIVE: Final = (
    "triggers",
    "channel",
    "fence_ids",
    "fence_tags",
    "site_ids",
    "holdout_percent",
)


async def create_offer(session: AsyncSession, retailer_id: int, edit: OfferEdit, now: datetime) -> OfferRow:
    """A new draft. Raises InvalidInput; NotFound for fences and sites that are not the retailer's;
    Conflict for an `external_id` that is taken.
    """
    refuse_faulty(edit)
    await _refuse_foreign_places(session, retailer_id, edit)
    offer = OfferRow(retailer_id=retailer_id, created_at=now, updated_at=now, **edit.columns())
    session.add(offer)
    with given_once("external_id"):
        await session.flush()
    await session.refresh(offer)
    return offer


async def edit_offer(session: AsyncSession, offer: OfferRow, edit: OfferEdit, now: datetime) -> bool:
    """Make it what `edit` says; the offer was read for update. False if it said so already.

    A draft or paused offer may change in everything, an active one in all but whom it reaches and
    how, an ended one in nothing (Conflict).
    """
    refuse_faulty(edit)
    changed = {name: value for name, value in edit.columns().items() if getattr(offer, name) != value}
    if not changed:
        return False
    refuse_at_this_stage(offer.status, changed)
    await _refuse_foreign_places(session, offer.retailer_id, edit)
    for name, value in changed.items():
        setattr(offer, name, value)
    touch(offer, now)
    with given_once("external_id"):
        await session.flush()
    return True


def touch(offer: OfferRow, now: datetime) -> None:
    """Every change of an offer, its budget or its status counts as a revision."""
    offer.revision += 1
    offer.updated_at = now


async def offer_of(
    session: AsyncSession, retailer_id: int, offer_id: int, *, for_update: bool = False
) -> OfferRow:
    query = select(OfferRow).where(OfferRow.retailer_id == retailer_id, OfferRow.offer_id == offer_id)
    offer = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if offer is None:
        raise NotFound(f"There is no offer {offer_id}.")
    return offer


async def list_offers(
    session: AsyncSession,
    retailer_id: int,
    *,
    after_id: int,
    limit: int,
    status: str | None = None,
    external_id: str | None = None,
) -> Sequence[OfferRow]:
    """In the order of their ids, those after `after_id`."""
    query = select(OfferRow).where(OfferRow.retailer_id == retailer_id, OfferRow.offer_id > after_id)
    if status is not None:
        query = query.where(OfferRow.status == status)
    if external_id is not None:
        query = query.where(OfferRow.external_id == external_id)
    return (await session.scalars(query.order_by(OfferRow.offer_id).limit(limit))).all()


async def refuse_while_named(
    session: AsyncSession, retailer_id: int, *, site_ids: Sequence[int] = (), fence_ids: Sequence[int] = ()
) -> None:
    """Raise Conflict if an offer that has not ended names one of these; the caller locked them for update.

    Whoever writes an offer holds what it names by a key-share lock, so none can appear unseen.
    """
    query = (
        select(OfferRow.offer_id)
        .where(OfferRow.retailer_id == retailer_id, OfferRow.status != "ended")
        .where(or_(OfferRow.site_ids.overlap(list(site_ids)), OfferRow.fence_ids.overlap(list(fence_ids))))
        .order_by(OfferRow.offer_id)
        .limit(10)
    )
    if naming := (await session.scalars(query)).all():
        named = ", ".join(str(offer_id) for offer_id in naming)
        raise Conflict(f"Offers that have not ended name it: {named}.", code="in_use")


def refuse_at_this_stage(status: str, changed: Collection[str]) -> None:
    """Raise Conflict if an offer with this status may not change in these columns (at least one)."""
    if status == "ended":
        raise Conflict("An ended offer cannot be changed.", code="offer_has_ended")
    if status != "draft" and "code_format" in changed:
        raise Conflict(
            "Whose codes an offer uses can only be changed in a draft.",
            code="offer_is_not_a_draft",
            faults=(Fault("code_format", "can only be changed in a draft"),),
        )
    frozen = [name for name in _FROZEN_WHILE_ACTIVE if name in changed]
    if status == "active" and frozen:
        raise Conflict(
            "While an offer is active, whom it reaches and how cannot change; pause it first.",
            code="offer_is_active",
            faults=tuple(Fault(WIRE.get(name, name), "cannot change while active") for name in frozen),
        )


async def _refuse_foreign_places(session: AsyncSession, retailer_id: int, edit: OfferEdit) -> None:
    # Sites before fences: the order in which deletions lock them, too.
    sites = await positions_of_sites(session, retailer_id, edit.site_ids)
    fences = await hold_fences(session, retailer_id, edit.fence_ids)
    menus = await hold_menus(session, retailer_id, [] if edit.menu_id is None else [edit.menu_id])
    faults = (
        *missing_faults(edit.site_ids, sites, "site_ids"),
        *missing_faults(edit.fence_ids, fences, "fence_ids"),
        *missing_menu(edit.menu_id, menus),
    )
    if faults:
        raise NotFound("The offer names what does not exist.", faults=faults)
