"""Many offers at once: created as drafts or edited, by their external ids, one retailer's at a time.

First all is held and judged by the rules for one offer (`offers.retail.catalogue`, `offers.retail.budgets`),
then what is new or differs is written, a few thousand rows a statement. Owns that order. What a row says by
itself, and what becomes of the whole where one row is wrong, is decided by who calls.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import AlentourError, Fault, Forbidden
from geo.fences import hold_fences
from geo.names import FENCES, SITES, Kind, adopt, ids_of
from geo.places import Written, per_statement
from geo.sites import positions_of_sites
from offers.retail.budgets import (
    Budget,
    Change,
    change_budgets,
    create_budgets,
    new_budget,
    planned_change,
)
from offers.retail.bulk_statements import COMPARE, CREATE, EDIT
from offers.retail.catalogue import refuse_at_this_stage
from offers.retail.offer_edits import OfferEdit, missing_faults
from offers.tables import OfferRow

OFFERS = Kind(OfferRow, OfferRow.offer_id, "offer")
_OF_ADMINS = ("ignores_caps", "counts_toward_caps")


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


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an offer stands that is there already, and which columns a row would change."""

    offer_id: int
    status: str
    is_stopped: bool
    changed: list[str]
    budget: Budget | None


class Judged(msgspec.Struct):
    """What is to be done, by row: new offers, edits, changes of budgets; and what cannot."""

    lines: Mapping[int, OfferLine]
    edits: dict[int, OfferEdit] = {}
    created: dict[int, Budget] = {}
    edited: set[int] = msgspec.field(default_factory=set)
    waiting: set[int] = msgspec.field(default_factory=set)  # for fences that are still to come
    budgeted: dict[int, Change] = {}
    faults: dict[int, list[Fault]] = {}


async def judge_offers(
    session: AsyncSession,
    retailer_id: int,
    lines: Mapping[int, OfferLine],
    *,
    coming: Collection[str] = (),
    may_loosen_caps: bool,
) -> Judged:
    """Hold these offers and their places, and find out what may be done; the rows' names all differ.

    `coming` are names of fences that will be written before the offers are.
    """
    names = [_name_of(line.edit) for line in lines.values()]
    await adopt(session, OFFERS, retailer_id, names)
    await _hold(session, retailer_id, names)
    places = await _hold_places(session, retailer_id, lines.values(), coming)
    judged = Judged(lines)
    for number, line in lines.items():
        judged.edits[number], faults = _placed(line, places)
        if faults:
            judged.faults[number] = faults
        elif 0 in judged.edits[number].fence_ids:
            judged.waiting.add(number)
    for few in per_statement([number for number in lines if number not in judged.faults]):
        standing = await _standing(session, retailer_id, [judged.edits[number] for number in few])
        for number in few:
            _judge(judged, number, standing.get(_name_of(judged.edits[number])), may_loosen_caps)
    return judged


async def write_offers(
    session: AsyncSession, retailer_id: int, judged: Judged, now: datetime, numbers: Collection[int]
) -> tuple[Written, dict[int, list[Fault]]]:
    """Write these rows; what was done, and by row what could not be: nothing of such a row is written."""
    missing = await _find_places(session, retailer_id, judged, judged.waiting.intersection(numbers))
    numbers = [number for number in numbers if number not in missing]
    new = {number: judged.created[number] for number in numbers if number in judged.created}
    refused = await _create(session, retailer_id, judged, new, now)
    changed = [number for number in numbers if number in judged.edited or number in judged.budgeted]
    refused_edits = await _edit(session, retailer_id, judged, changed, now)
    written = Written(
        created=len(new) - len(refused),
        updated=len(changed) - len(refused_edits),
        unchanged=len(numbers) - len(new) - len(changed),
    )
    return written, missing | refused | refused_edits


def _judge(judged: Judged, number: int, standing: Standing | None, may_loosen_caps: bool) -> None:
    """By the rules for one offer."""
    edit, budget = judged.edits[number], judged.lines[number].budget
    try:
        _refuse_loosened_caps(edit, standing, may_loosen_caps)
        if standing is None:
            judged.created[number] = new_budget(budget, edit.code_format)
            return
        if standing.changed:
            refuse_at_this_stage(standing.status, standing.changed)
        change = planned_change(
            standing.offer_id,
            standing.budget,
            budget,
            status=standing.status,
            is_stopped=standing.is_stopped,
            code_format=edit.code_format,
        )
    except AlentourError as error:
        judged.faults[number] = _faults_of(error)
        return
    if change is not None:
        judged.budgeted[number] = change
    if standing.changed:
        judged.edited.add(number)


def _refuse_loosened_caps(edit: OfferEdit, standing: Standing | None, may_loosen_caps: bool) -> None:
    """Caps protect people from all retailers together: one retailer cannot step out of them."""
    if may_loosen_caps:
        return
    if standing is None:
        usual = {"ignores_caps": False, "counts_toward_caps": True}
        changed = [name for name, value in usual.items() if getattr(edit, name) != value]
    else:
        changed = [name for name in _OF_ADMINS if name in standing.changed]
    if changed:
        faults = tuple(Fault(f"limits.{name}", "is for an admin to change") for name in changed)
        raise Forbidden("Only an admin may take an offer out of the caps.", faults=faults)


async def _hold(session: AsyncSession, retailer_id: int, names: Sequence[str]) -> None:
    query = select(OfferRow.offer_id).where(
        OfferRow.retailer_id == retailer_id, OfferRow.external_id.in_(names)
    )
    await session.execute(query.order_by(OfferRow.offer_id).with_for_update())


async def _standing(
    session: AsyncSession, retailer_id: int, edits: Sequence[OfferEdit]
) -> dict[str, Standing]:
    """By name, of those that exist."""
    answer = await session.execute(text(COMPARE), {"retailer_id": retailer_id, "rows": _encoded(edits)})
    return {
        row.external_id: Standing(
            offer_id=row.offer_id,
            status=row.status,
            is_stopped=row.is_stopped,
            changed=row.changed,
            budget=Budget(**{name: getattr(row, name) for name in Budget.__struct_fields__})
            if row.has_budget
            else None,
        )
        for row in answer
    }


async def _hold_places(
    session: AsyncSession, retailer_id: int, lines: Iterable[OfferLine], coming: Collection[str] = ()
) -> Places:
    """Those that exist; a fence that is still to come has the id 0.

    Sites before fences: the order in which deletions lock them, too.
    """
    lines = list(lines)
    site_ids = await ids_of(session, SITES, retailer_id, {name for one in lines for name in one.site_names})
    fence_ids = await ids_of(
        session, FENCES, retailer_id, {name for one in lines for name in one.fence_names}
    )
    named_sites = {id_ for line in lines for id_ in line.edit.site_ids} | set(site_ids.values())
    named_fences = {id_ for line in lines for id_ in line.edit.fence_ids} | set(fence_ids.values())
    sites = await positions_of_sites(session, retailer_id, named_sites)
    fences = await hold_fences(session, retailer_id, named_fences)
    all_fences = {**dict.fromkeys(coming, 0), **fence_ids}
    return Places(frozenset(fences), frozenset(sites), all_fences, site_ids)


def _placed(line: OfferLine, places: Places) -> tuple[OfferEdit, list[Fault]]:
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
    placed = msgspec.structs.replace(
        edit, fence_ids=(*edit.fence_ids, *fences), site_ids=(*edit.site_ids, *sites)
    )
    return placed, faults


def _unknown(names: Sequence[str], known: Mapping[str, int], field: str) -> list[Fault]:
    return [
        Fault(f"{field}[{number}]", "there is no such place")
        for number, name in enumerate(names)
        if name not in known
    ]


async def _find_places(
    session: AsyncSession, retailer_id: int, judged: Judged, waiting: Collection[int]
) -> dict[int, list[Fault]]:
    """Fences that were still to come have ids now, or their row has been refused."""
    lines = {number: judged.lines[number] for number in waiting}
    places = await _hold_places(session, retailer_id, lines.values())
    missing = {}
    for number, line in lines.items():
        judged.edits[number], faults = _placed(line, places)
        if faults:
            missing[number] = faults
    return missing


async def _create(
    session: AsyncSession, retailer_id: int, judged: Judged, new: Mapping[int, Budget], now: datetime
) -> dict[int, list[Fault]]:
    """Those that somebody else has just made are refused: nobody has judged them."""
    edits = sorted((judged.edits[number] for number in new), key=_name_of)
    made = {row.external_id: row.offer_id for row in await _write(session, CREATE, retailer_id, edits, now)}
    by_number = {number: made.get(_name_of(judged.edits[number])) for number in new}
    await create_budgets(session, {id_: new[number] for number, id_ in by_number.items() if id_ is not None})
    taken = [Fault("external_id", "was taken in this very moment; import it again")]
    return {number: taken for number, id_ in by_number.items() if id_ is None}


async def _edit(
    session: AsyncSession, retailer_id: int, judged: Judged, changed: Sequence[int], now: datetime
) -> dict[int, list[Fault]]:
    """Budgets first: what they refuse is undone, and all is done again without it."""
    refused: dict[int, list[Fault]] = {}
    by_offer = {judged.budgeted[number].offer_id: number for number in changed if number in judged.budgeted}
    while True:
        attempt = await session.begin_nested()
        conflicts = await change_budgets(session, [judged.budgeted[number] for number in by_offer.values()])
        if not conflicts:
            break
        await attempt.rollback()
        for offer_id, conflict in conflicts.items():
            refused[by_offer.pop(offer_id)] = _faults_of(conflict)
    await attempt.commit()
    edits = [judged.edits[number] for number in changed if number not in refused]
    await _write(session, EDIT, retailer_id, sorted(edits, key=_name_of), now)
    return refused


async def _write(
    session: AsyncSession, statement: str, retailer_id: int, edits: Sequence[OfferEdit], now: datetime
) -> list[Any]:
    """The rows that the statement wrote."""
    written: list[Any] = []
    for few in per_statement(edits):
        values = {"retailer_id": retailer_id, "rows": _encoded(few), "now": now}
        written += (await session.execute(text(statement), values)).all()
    return written


def _encoded(edits: Sequence[OfferEdit]) -> str:
    return msgspec.json.encode([edit.columns() for edit in edits]).decode()


def _name_of(edit: OfferEdit) -> str:
    return edit.external_id or ""


def _faults_of(error: AlentourError) -> list[Fault]:
    return list(error.faults) or [Fault("status", error.detail)]
