"""Permits as operators give them: a list of plates comes in, keyed hashes are kept.

Owns the writing and listing of `parking_permits`, one operator's at a time; what a plate may do is
`offers.parking.permits`'. Nothing here can tell a plate again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, NotFound
from geo.places import Written, moment_faults, per_statement, written_of
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.parking.restrictions import USER_CLASS
from offers.parking.tables import PermitRow

MOST_ZONES: Final = 1_000

_UPSERT: Final = text("""
INSERT INTO parking_permits (retailer_id, plate_hmac, key_name, user_class, zone_ids, valid_from, valid_until,
                             created_at, updated_at)
SELECT :retailer_id, decode(e.plate_hmac, 'hex'), :key_name, e.user_class, e.zone_ids, e.valid_from,
       e.valid_until, :now, :now
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    plate_hmac text, user_class text, zone_ids bigint[], valid_from timestamptz, valid_until timestamptz)
ON CONFLICT (retailer_id, plate_hmac, user_class) DO UPDATE SET
    zone_ids = excluded.zone_ids, valid_from = excluded.valid_from, valid_until = excluded.valid_until,
    updated_at = excluded.updated_at
WHERE (parking_permits.zone_ids, parking_permits.valid_from, parking_permits.valid_until)
      IS DISTINCT FROM (excluded.zone_ids, excluded.valid_from, excluded.valid_until)
RETURNING (xmax = 0) AS is_created
""")
# The same plates under keys that were replaced: the new rows stand for them.
_REPLACE: Final = text("""
DELETE FROM parking_permits AS p
USING json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(plate_hmac text, user_class text)
WHERE p.retailer_id = :retailer_id AND p.plate_hmac = decode(e.plate_hmac, 'hex')
  AND p.user_class = e.user_class
""")


class PermitEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One permit; `zones` are folded codes, none: every zone of the operator's."""

    plate: Plate
    user_class: str
    valid_from: datetime
    valid_until: datetime
    zones: tuple[str, ...] = ()


def permit_faults(edit: PermitEdit, at: str = "") -> list[Fault]:
    """What is wrong with it beyond its plate, and whether there are such zones."""
    faults = [
        *moment_faults(edit.valid_from, f"{at}valid_from"),
        *moment_faults(edit.valid_until, f"{at}valid_until"),
    ]
    if USER_CLASS.fullmatch(edit.user_class) is None:
        wanted = "must be 1 to 40 lower-case letters, digits, hyphens or underscores, such as resident"
        faults.append(Fault(f"{at}user_class", wanted))
    if edit.valid_until <= edit.valid_from:
        faults.append(Fault(f"{at}valid_until", "must be after valid_from"))
    return faults


async def write_permits(
    session: AsyncSession,
    retailer_id: int,
    edits: Sequence[PermitEdit],
    zone_ids: Mapping[str, int],
    plate_key: PlateKey,
    now: datetime,
) -> Written:
    """Create or replace by plate and class, which no two share; a few thousand a statement."""
    created: list[bool] = []
    for older in plate_key.older:
        for few in per_statement([_row(edit, older, zone_ids) for edit in edits]):
            said = {"retailer_id": retailer_id, "rows": msgspec.json.encode(few).decode()}
            await session.execute(_REPLACE, said)
    # In one order, whatever the list's: two imports wait for each other.
    rows = sorted((_row(edit, plate_key, zone_ids) for edit in edits), key=lambda row: row["plate_hmac"])
    for few in per_statement(rows):
        said = {
            "retailer_id": retailer_id,
            "key_name": plate_key.name,
            "now": now,
            "rows": msgspec.json.encode(few).decode(),
        }
        created += [row.is_created for row in await session.execute(_UPSERT, said)]
    return written_of(created, len(edits))


async def list_permits(
    session: AsyncSession, retailer_id: int, *, after_id: int, limit: int, user_class: str | None = None
) -> Sequence[PermitRow]:
    """In the order of their ids, those after `after_id`."""
    query = select(PermitRow).where(PermitRow.retailer_id == retailer_id, PermitRow.permit_id > after_id)
    if user_class is not None:
        query = query.where(PermitRow.user_class == user_class)
    return (await session.scalars(query.order_by(PermitRow.permit_id).limit(limit))).all()


async def permits_of_plate(
    session: AsyncSession, retailer_id: int, plate: Plate, plate_key: PlateKey
) -> Sequence[PermitRow]:
    """All of one plate, those that are over as well."""
    query = select(PermitRow).where(
        PermitRow.retailer_id == retailer_id, PermitRow.plate_hmac.in_(plate_key.hmacs(plate))
    )
    return (await session.scalars(query.order_by(PermitRow.permit_id))).all()


async def delete_permit(session: AsyncSession, retailer_id: int, permit_id: int) -> None:
    """Raises NotFound."""
    query = select(PermitRow).where(PermitRow.retailer_id == retailer_id, PermitRow.permit_id == permit_id)
    permit = (await session.scalars(query.with_for_update())).one_or_none()
    if permit is None:
        raise NotFound(f"There is no permit {permit_id}.")
    await session.delete(permit)
    await session.flush()


def _row(edit: PermitEdit, plate_key: PlateKey, zone_ids: Mapping[str, int]) -> dict[str, Any]:
    return {
        "plate_hmac": plate_key.hmac(edit.plate).hex(),
        "user_class": edit.user_class,
        "zone_ids": sorted({zone_ids[code] for code in edit.zones}) or None,
        "valid_from": edit.valid_from,
        "valid_until": edit.valid_until,
    }
