"""Zones as drivers and stays see them: by id or by the code on the sign, whoever operates them.

Owns the reading only, on the plain connection; operators' edits are `offers.parking.zone_edits`', which
tariff is in force `offers.parking.tariff_versions`'. A zone that was closed, or whose operator was stopped,
is still found: `is_open` says that nothing can be bought there.
"""

from typing import Final

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.parking.codes import code_key_of
from offers.parking.restrictions import Restriction

COLUMNS: Final = """
    z.zone_id, z.retailer_id, r.name AS operator, z.code, z.name, z.time_zone, z.country, z.capacity,
    z.tariff_id, z.restrictions::text AS restrictions,
    z.closed_at IS NULL AND r.stopped_at IS NULL AS is_open
"""
_BY_ID: Final = f"""
    SELECT {COLUMNS} FROM parking_zones AS z JOIN retailers AS r ON r.retailer_id = z.retailer_id
    WHERE z.zone_id = $1
"""  # noqa: S608 - joined from constants of this module
_BY_CODE: Final = f"""
    SELECT {COLUMNS} FROM parking_zones AS z JOIN retailers AS r ON r.retailer_id = z.retailer_id
    WHERE z.code_key = $1 AND ($2::bigint IS NULL OR z.retailer_id = $2)
    ORDER BY z.zone_id LIMIT $3
"""  # noqa: S608 - the same
MOST_OF_A_CODE: Final = 20

_RESTRICTIONS: Final = msgspec.json.Decoder(list[Restriction])


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone in which one parks by its rules. `operator` is the name of the retailer who runs it.

    `tariff_id` None: nothing is paid for there. What residents and other classes pay is in the tariff.
    """

    zone_id: int
    retailer_id: int
    operator: str
    code: str
    name: str
    time_zone: str
    country: str
    capacity: int | None
    tariff_id: int | None
    restrictions: list[Restriction]
    is_open: bool


async def read_zone(connection: asyncpg.Connection, zone_id: int) -> Zone:
    """Raises NotFound."""
    row = await connection.fetchrow(_BY_ID, zone_id)
    if row is None:
        raise NotFound("There is no such parking zone.")
    return zone_in(row)


async def zones_by_code(
    connection: asyncpg.Connection, code: str, retailer_id: int | None = None
) -> list[Zone]:
    """Those whose sign says so, of one operator or of any; mostly one. Raises NotFound for none."""
    rows = await connection.fetch(_BY_CODE, code_key_of(code), retailer_id, MOST_OF_A_CODE)
    if not rows:
        raise NotFound("No parking zone has this code.")
    return [zone_in(row) for row in rows]


def zone_in(row: asyncpg.Record) -> Zone:
    """Of a row with `COLUMNS`."""
    return Zone(
        zone_id=row["zone_id"],
        retailer_id=row["retailer_id"],
        operator=row["operator"],
        code=row["code"],
        name=row["name"],
        time_zone=row["time_zone"],
        country=row["country"],
        capacity=row["capacity"],
        tariff_id=row["tariff_id"],
        restrictions=_RESTRICTIONS.decode(row["restrictions"]),
        is_open=row["is_open"],
    )
