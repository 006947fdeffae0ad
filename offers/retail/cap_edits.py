"""Caps as people set them, and the quiet hours that hold where a person chose none.

An admin sets the system's caps, a retailer its own and those of its offers; everybody sees the
system's. What a cap means for a delivery is `offers.caps`'.
"""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, Forbidden, InvalidInput, NotFound
from geo.places import tags_faults
from offers.retail.catalogue import offer_of
from offers.tables import CapRow, DefaultsRow
from offers.terms import Channel

Scope = Literal["system", "each_retailer", "retailer", "offer"]
CalendarUnit = Literal["day", "week", "month"]

OF_THE_SYSTEM: Final = frozenset({"system", "each_retailer"})
SHORTEST_ROLLING_S, LONGEST_ROLLING_S = 60, 31_622_400


class CapEdit(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to say about a cap; either `rolling_s` or `calendar_unit`."""

    scope: Scope
    at_most: int
    rolling_s: int | None = None
    calendar_unit: CalendarUnit | None = None
    channel: Channel | None = None
    tag: str | None = None
    offer_id: int | None = None


class Editor(msgspec.Struct, frozen=True):
    """Who edits: an admin (of one tenant's caps, if it names one), or a retailer its own."""

    is_admin: bool
    retailer_id: int | None


async def create_cap(session: AsyncSession, editor: Editor, edit: CapEdit, now: datetime) -> CapRow:
    """Raises InvalidInput, Forbidden for the system's scopes, NotFound for an offer of somebody else."""
    await _judge(session, editor, edit)
    owner = None if edit.scope in OF_THE_SYSTEM else editor.retailer_id
    row = CapRow(retailer_id=owner, created_at=now, **_columns(edit))
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row


async def edit_cap(session: AsyncSession, editor: Editor, row: CapRow, edit: CapEdit) -> bool:
    """Change all but the scope and whose it is. False if it said so already."""
    if edit.scope != row.scope:
        raise _wrong("scope", f"cannot change; it is {row.scope}")
    await _judge(session, Editor(editor.is_admin, row.retailer_id), edit)
    changed = {name: value for name, value in _columns(edit).items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    row.revision += bool(changed)
    await session.flush()
    return bool(changed)


async def delete_cap(session: AsyncSession, row: CapRow) -> None:
    await session.delete(row)
    await session.flush()


async def cap_of(session: AsyncSession, editor: Editor, cap_id: int) -> CapRow:
    """NotFound if the editor cannot see it."""
    return await _one(session, _seen_by(editor), cap_id)


async def cap_to_edit(session: AsyncSession, editor: Editor, cap_id: int) -> CapRow:
    """Locked. NotFound if the editor cannot see it, Forbidden if it may only see it."""
    row = await _one(session, _seen_by(editor).with_for_update(), cap_id)
    _refuse_system_scope(editor, row.scope)
    return row


async def list_caps(session: AsyncSession, editor: Editor, *, after_id: int, limit: int) -> Sequence[CapRow]:
    """The system's, and the retailer's own; for an admin who names no retailer all there are."""
    query = _seen_by(editor).where(CapRow.cap_id > after_id).order_by(CapRow.cap_id).limit(limit)
    return (await session.scalars(query)).all()


class SystemDefaults(NamedTuple):
    """Quiet hours are on the customer's own wall clock; start after end wraps midnight, equal is none."""

    quiet_start: time
    quiet_end: time
    holdout_percent: int


async def system_defaults(session: AsyncSession) -> SystemDefaults:
    row = (await session.scalars(select(DefaultsRow))).one()
    return SystemDefaults(row.quiet_start, row.quiet_end, row.holdout_percent)


async def set_system_defaults(session: AsyncSession, said: SystemDefaults) -> None:
    row = (await session.scalars(select(DefaultsRow).with_for_update())).one()
    row.quiet_start, row.quiet_end, row.holdout_percent = said
    await session.flush()


async def _one(session: AsyncSession, seen: Select[CapRow], cap_id: int) -> CapRow:
    row = (await session.scalars(seen.where(CapRow.cap_id == cap_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no cap {cap_id}.")
    return row


def _seen_by(editor: Editor) -> Select[CapRow]:
    if editor.is_admin and editor.retailer_id is None:
        return select(CapRow)
    return select(CapRow).where(or_(CapRow.retailer_id == editor.retailer_id, CapRow.retailer_id.is_(None)))


def _refuse_system_scope(editor: Editor, scope: str) -> None:
    if scope in OF_THE_SYSTEM and not editor.is_admin:
        raise Forbidden("The system's caps are for an admin to change.")


async def _judge(session: AsyncSession, editor: Editor, edit: CapEdit) -> None:
    _refuse_system_scope(editor, edit.scope)
    if (edit.rolling_s is None) == (edit.calendar_unit is None):
        raise _wrong("window", "must have either rolling_s or calendar")
    if (edit.scope == "offer") != (edit.offer_id is not None):
        raise _wrong("offer_id", "goes with the scope offer, and only with it")
    if edit.tag is not None and (faults := tags_faults([edit.tag], "tag")):
        raise _wrong("tag", faults[0].reason)
    if edit.scope in OF_THE_SYSTEM:
        return
    if editor.retailer_id is None:
        raise InvalidInput("An admin key must name the retailer: ?retailer_id=…")
    if edit.offer_id is not None:
        await offer_of(session, editor.retailer_id, edit.offer_id)


def _columns(edit: CapEdit) -> dict[str, object]:
    said = {name: getattr(edit, name) for name in edit.__struct_fields__}
    return {**said, "time_window": "calendar" if edit.rolling_s is None else "rolling"}


def _wrong(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The cap cannot be used.", faults=(Fault(field, reason),))
