"""Many offers at once: created as drafts or edited, by their external ids, one retailer's at a time.

First all is held and judged by the rules for one offer (`offers.retail.catalogue`, `offers.retail.budgets`),
then what is new or differs is written, a few thousand rows a statement. Owns that order. What a row says by
itself, and what becomes of the whole where one row is wrong, is decided by who calls.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import AlentourError, Fault, Forbidden
from geo.names import Kind, ids_of
from geo.places import Written, per_statement
from geo.tables import is_one_of
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
from offers.retail.named_places import STILL_TO_COME, OfferLine, hold_places, placed
from offers.retail.offer_edits import OfferEdit
from offers.tables import OfferRow

OFFERS: Final = Kind(OfferRow, OfferRow.offer_id, "offer")
# What a new offer has, and only an admin may change.
_WITHIN_CAPS: Final = {"ignores_caps": False, "counts_toward_caps": True}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an offer stands that is there already, and which columns a row would change."""

    offer_id: int
    status: str
    is_stopped: bool
    changed: list[str]
    budget: Budget | None


class Judged(msgspec.Struct):
    """What is to be done, by row: new offers, edits, changes of budgets; and what cannot be."""

    lines: Mapping[int, OfferLine]
    ids: dict[int, int] = {}  # of offers that are there
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

    `coming` are names of fences that will be written before the offers are. A row of an offer that has ended
    changes nothing, unless the offer is there and has not: places of the past may be gone.
    """
    ids = await ids_of(session, OFFERS, retailer_id, {_name_of(line.edit) for line in lines.values()})
    statuses = await _hold(session, ids.values())
    judged = Judged({number: line for number, line in lines.items() if not _is_over(line, ids, statuses)})
    places = await hold_places(session, retailer_id, judged.lines.values(), coming)
    for number, line in judged.lines.items():
        judged.edits[number], faults = placed(line, places)
        if (offer_id := ids.get(_name_of(line.edit))) in statuses:
            judged.ids[number] = offer_id
        if faults:
            judged.faults[number] = faults
        elif STILL_TO_COME in judged.edits[number].fence_ids:
            judged.waiting.add(number)
    for few in per_statement([number for number in judged.lines if number not in judged.faults]):
        standing = await _standing(session, judged, few)
        for number in few:
            _judge(judged, number, standing.get(judged.ids.get(number)), may_loosen_caps)
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
    refused_edits = await _edit(session, judged, changed, now)
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
        if not may_loosen_caps:
            _refuse_loosened_caps(edit, standing)
        if standing is None:
            judged.created[number] = new_budget(budget, edit.code_format)
            return
        # That it is called as its export calls it is no change of what it says.
        if changed := set(standing.changed) - {"external_id"}:
            refuse_at_this_stage(standing.status, changed)
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


def _refuse_loosened_caps(edit: OfferEdit, standing: Standing | None) -> None:
    """Caps protect people from all retailers together: one retailer cannot step out of them."""
    if standing is None:
        changed = [name for name, value in _WITHIN_CAPS.items() if getattr(edit, name) != value]
    else:
        changed = [name for name in _WITHIN_CAPS if name in standing.changed]
    if changed:
        faults = tuple(Fault(f"limits.{name}", "is for an admin to change") for name in changed)
        raise Forbidden("Only an admin may take an offer out of the caps.", faults=faults)


def _is_over(line: OfferLine, ids: Mapping[str, int], statuses: Mapping[int, str]) -> bool:
    return line.is_history and statuses.get(ids.get(_name_of(line.edit), 0), "ended") == "ended"


async def _hold(session: AsyncSession, ids: Iterable[int]) -> dict[int, str]:
    """The status by id of those that are still there, locked."""
    query = select(OfferRow.offer_id, OfferRow.status).where(is_one_of(OfferRow.offer_id, list(ids)))
    rows = await session.execute(query.order_by(OfferRow.offer_id).with_for_update())
    return {row.offer_id: row.status for row in rows}


async def _standing(
    session: AsyncSession, judged: Judged, numbers: Sequence[int]
) -> dict[int | None, Standing]:
    """By id, of those that are there."""
    rows = _encoded([(judged.ids[one], judged.edits[one]) for one in numbers if one in judged.ids])
    return {
        row.offer_id: Standing(
            offer_id=row.offer_id,
            status=row.status,
            is_stopped=row.is_stopped,
            changed=row.changed,
            budget=Budget(**{name: getattr(row, name) for name in Budget.__struct_fields__})
            if row.has_budget
            else None,
        )
        for row in await session.execute(text(COMPARE), {"rows": rows})
    }


async def _find_places(
    session: AsyncSession, retailer_id: int, judged: Judged, waiting: Collection[int]
) -> dict[int, list[Fault]]:
    """Fences that were still to come have ids now, or their row has been refused."""
    lines = {number: judged.lines[number] for number in waiting}
    places = await hold_places(session, retailer_id, lines.values())
    missing = {}
    for number, line in lines.items():
        judged.edits[number], faults = placed(line, places)
        if faults:
            missing[number] = faults
    return missing


async def _create(
    session: AsyncSession, retailer_id: int, judged: Judged, new: Mapping[int, Budget], now: datetime
) -> dict[int, list[Fault]]:
    """Those that somebody else has just made are refused: nobody has judged them."""
    # In one order, so that two imports of the same wait for each other instead of both for ever.
    edits = sorted((judged.edits[number] for number in new), key=_name_of)
    made: dict[str, int] = {}
    for few in per_statement(edits):
        values = {"retailer_id": retailer_id, "rows": _encoded([(None, edit) for edit in few]), "now": now}
        made |= {row.external_id: row.offer_id for row in await session.execute(text(CREATE), values)}
    by_number = {number: made.get(_name_of(judged.edits[number])) for number in new}
    await create_budgets(session, {id_: new[number] for number, id_ in by_number.items() if id_ is not None})
    taken = [Fault("external_id", "was taken by another request meanwhile")]
    return {number: taken for number, id_ in by_number.items() if id_ is None}


async def _edit(
    session: AsyncSession, judged: Judged, changed: Sequence[int], now: datetime
) -> dict[int, list[Fault]]:
    """Budgets first: what they refuse is undone, and all is done again without it."""
    refused: dict[int, list[Fault]] = {}
    by_offer = {judged.ids[number]: number for number in changed if number in judged.budgeted}
    while True:
        attempt = await session.begin_nested()
        conflicts = await change_budgets(session, [judged.budgeted[number] for number in by_offer.values()])
        if not conflicts:
            break
        await attempt.rollback()
        for offer_id, conflict in conflicts.items():
            refused[by_offer.pop(offer_id)] = _faults_of(conflict)
    await attempt.commit()
    edits = [(judged.ids[number], judged.edits[number]) for number in changed if number not in refused]
    for few in per_statement(edits):
        await session.execute(text(EDIT), {"rows": _encoded(few), "now": now})
    return refused


def _encoded(edits: Sequence[tuple[int | None, OfferEdit]]) -> str:
    return msgspec.json.encode([{"offer_id": id_, **edit.columns()} for id_, edit in edits]).decode()


def _name_of(edit: OfferEdit) -> str:
    return edit.external_id or ""


def _faults_of(error: AlentourError) -> list[Fault]:
    return list(error.faults) or [Fault("status", error.detail)]
