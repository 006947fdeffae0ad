"""Zones that are closed, reopened, and deleted. What they say is `offers.parking.zone_edits`'."""

from datetime import datetime
from typing import Final, Literal

import sqlalchemy.exc
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict
from offers.parking.tables import ZoneRow
from offers.retail.stops import Stopper, refuse_resuming

_FOREIGN_KEY_VIOLATION: Final = "23503"


async def close_zone(
    session: AsyncSession, zone: ZoneRow, by: Stopper, now: datetime
) -> Stopper | Literal["same"] | None:
    """Let nothing be bought there any more; who had closed it before, `same` where nothing changes.

    What a retailer closed the operator may close, too, and then only the operator reopens it.
    """
    before = _closer(zone)
    if before in {by, "operator"}:
        return "same"
    zone.closed_at, zone.closed_by = zone.closed_at or now, by
    await _note_edit(session, zone, now)
    return before


async def reopen_zone(
    session: AsyncSession, zone: ZoneRow, by: Stopper, now: datetime
) -> Stopper | Literal["same"] | None:
    """Undo it. Forbidden (`stopped_by_operator`) where that is not theirs."""
    before = _closer(zone)
    if before is None:
        return "same"
    refuse_resuming(before, by)
    zone.closed_at = zone.closed_by = None
    await _note_edit(session, zone, now)
    return before


async def delete_zone(session: AsyncSession, zone: ZoneRow) -> None:
    """Conflict (`in_use`) where something names it: a stay, or what is left of one."""
    await session.delete(zone)
    try:
        await session.flush()
    except sqlalchemy.exc.IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != _FOREIGN_KEY_VIOLATION:
            raise
        raise Conflict("Somebody parked in this zone; close it instead.", code="in_use") from None


async def _note_edit(session: AsyncSession, zone: ZoneRow, now: datetime) -> None:
    zone.revision += 1
    zone.updated_at = now
    await session.flush()


def _closer(zone: ZoneRow) -> Stopper | None:
    return "operator" if zone.closed_by == "operator" else "retailer" if zone.closed_by else None
