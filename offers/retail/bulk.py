"""Many offers at once: created as drafts or edited, by their external ids, one retailer's at a time.

New ones are written together; those that are there are compared, and only what differs is edited, under
the same rules as one by one (`offers.retail.catalogue`, `offers.retail.budgets`). Owns the writing; what a
row says, and what becomes of the whole where one row is wrong, is decided by who calls.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import AlentourError, Fault
from geo.fences import hold_fences
from geo.places import Written
from geo.sites import positions_of_sites
from geo.tables import Fence, Site
from offers.retail.budgets import Budget, budget_faults, budgets_of, change_budget
from offers.retail.catalogue import edit_offer, touch
from offers.retail.offer_edits import OfferEdit, missing_faults
from offers.tables import OfferBudget, OfferRow

_AT_ONCE: Final = 1_000


class OfferLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row: the offer, its budget, and places that it names by the retailer's own ids."""

    edit: OfferEdit
    budget: Budget
    fence_names: tuple[str, ...] = ()
    site_names: tuple[str, ...] = ()


class Places(msgspec.Struct, frozen=True):
    """The retailer's places that some rows name, held until the commit."""

    fences: frozenset[int]
    sites: frozenset[int]
    fence_ids: Mapping[str, int]
    site_ids: Mapping[str, int]


async def hold_places(session: AsyncSession, retailer_id: int, lines: Sequence[OfferLine]) -> Places:
    """Those that exist. Sites before fences: the order in which deletions lock them, too."""
    site_ids = await _ids(session, Site, retailer_id, {name for line in lines for name in line.site_names})
    fence_ids = await _ids(session, Fence, retailer_id, {name for line in lines for name in line.fence_names})
    said_sites = {one for line in lines for one in line.edit.site_ids} | set(site_ids.values())
    said_fences = {one for line in lines for one in line.edit.fence_ids} | set(fence_ids.values())
    sites = await positions_of_sites(session, retailer_id, said_sites)
    fences = await hold_fences(session, retailer_id, said_fences)
    return Places(frozenset(fences), frozenset(sites), fence_ids, site_ids)


async def _ids(session: AsyncSession, table: Any, retailer_id: int, names: set[str]) -> dict[str, int]:
    id_ = table.fence_id if table is Fence else table.site_id
    query = select(table.external_id, id_).where(
        table.retailer_id == retailer_id, table.external_id.in_(names)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


def placed(line: OfferLine, places: Places) -> tuple[OfferEdit, list[Fault]]:
    """The offer with all its places by id, and those that do not exist."""
    edit = line.edit
    faults = [
        *missing_faults(edit.site_ids, places.sites, "site_ids"),
        *missing_faults(edit.fence_ids, places.fences, "fence_ids"),
        *_unknown(line.fence_names, places.fence_ids, "fences.external_ids"),
        *_unknown(line.site_names, places.site_ids, "fences.site_external_ids"),
    ]
    fences = [places.fence_ids[name] for name in line.fence_names if name in places.fence_ids]
    sites = [places.site_ids[name] for name in line.site_names if name in places.site_ids]
    edit = msgspec.structs.replace(
        edit, fence_ids=(*edit.fence_ids, *fences), site_ids=(*edit.site_ids, *sites)
    )
    return edit, faults


def _unknown(names: Sequence[str], known: Mapping[str, int], field: str) -> list[Fault]:
    return [
        Fault(f"{field}[{number}]", "there is no such place")
        for number, name in enumerate(names)
        if name not in known
    ]


async def write_offers(
    session: AsyncSession, retailer_id: int, lines: Mapping[int, tuple[OfferEdit, Budget]], now: datetime
) -> tuple[Written, dict[int, list[Fault]]]:
    """Write these rows; what was done, and by row what could not be: nothing of such a row is written."""
    names = [edit.external_id for edit, _ in lines.values()]
    query = select(OfferRow).where(OfferRow.retailer_id == retailer_id, OfferRow.external_id.in_(names))
    rows = (await session.scalars(query.order_by(OfferRow.offer_id).with_for_update())).all()
    known = {row.external_id: row for row in rows}
    budgets = await budgets_of(session, [row.offer_id for row in rows])
    refused: dict[int, list[Fault]] = {}
    new: list[tuple[OfferEdit, Budget]] = []
    updated = unchanged = 0
    for number, (edit, budget) in lines.items():
        row = known.get(edit.external_id)
        if row is None:
            if faults := _draft_faults(edit, budget):
                refused[number] = faults
            else:
                new.append((edit, budget))
        elif _says_so(row, edit) and budgets.get(row.offer_id, Budget()) == budget:
            unchanged += 1
        elif faults := await _edit(session, row, edit, budget, now):
            refused[number] = faults
        else:
            updated += 1
    for first in range(0, len(new), _AT_ONCE):
        await _create(session, retailer_id, new[first : first + _AT_ONCE], now)
    return Written(created=len(new), updated=updated, unchanged=unchanged), refused


def _says_so(row: OfferRow, edit: OfferEdit) -> bool:
    return all(getattr(row, name) == value for name, value in edit.columns().items())


def _draft_faults(edit: OfferEdit, budget: Budget) -> list[Fault]:
    faults = budget_faults(budget)
    if edit.code_format is not None and budget.deliveries:
        faults.append(Fault("budget.deliveries", "is the number of codes; add codes instead"))
    return faults


async def _edit(
    session: AsyncSession, row: OfferRow, edit: OfferEdit, budget: Budget, now: datetime
) -> list[Fault]:
    """By the rules for one offer; undone, and told, where they refuse it."""
    attempt = await session.begin_nested()
    try:
        is_edited = await edit_offer(session, row, edit, now)
        if await change_budget(session, row, budget) and not is_edited:
            touch(row, now)
        await session.flush()
    except AlentourError as error:
        await attempt.rollback()
        return list(error.faults) or [Fault("external_id", error.detail)]
    await attempt.commit()
    return []


async def _create(
    session: AsyncSession, retailer_id: int, new: Sequence[tuple[OfferEdit, Budget]], now: datetime
) -> None:
    made = await session.execute(
        insert(OfferRow).returning(OfferRow.offer_id, OfferRow.external_id),
        [
            {"retailer_id": retailer_id, "created_at": now, "updated_at": now, **edit.columns()}
            for edit, _ in new
        ],
    )
    ids = {row.external_id: row.offer_id for row in made}
    await session.execute(
        insert(OfferBudget), [_budget_row(ids[edit.external_id], edit, budget) for edit, budget in new]
    )


def _budget_row(offer_id: int, edit: OfferEdit, budget: Budget) -> dict[str, Any]:
    total = 0 if edit.code_format is not None else budget.deliveries
    return {
        "offer_id": offer_id,
        "deliveries_total": total,
        "deliveries_available": total,
        "redemptions_total": budget.redemptions,
        "per_day": budget.per_day,
        "day_available": budget.per_day,
        "per_week": budget.per_week,
        "week_available": budget.per_week,
        "time_zone": budget.time_zone,
    }
