"""What an operator settles of a zone beside its tariff: whether unused time is given back, and VAT.

Owns the table `parking_stay_rules`. A zone without a row gives nothing back and states no VAT: French
on-street parking bears none (it is no sale but the use of public land), a car park's does.
"""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import NotFound

_READ: Final = """
    SELECT z.zone_id, coalesce(s.pays_actual_time, false) AS pays_actual_time, s.vat_basis_points
    FROM parking_zones AS z LEFT JOIN parking_stay_rules AS s ON s.zone_id = z.zone_id
    WHERE z.zone_id = $1 AND ($2::bigint IS NULL OR z.retailer_id = $2)
"""
_WRITE: Final = """
    INSERT INTO parking_stay_rules (zone_id, pays_actual_time, vat_basis_points, updated_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (zone_id) DO UPDATE SET pays_actual_time = excluded.pays_actual_time,
        vat_basis_points = excluded.vat_basis_points, updated_at = excluded.updated_at
"""


class StayRules(msgspec.Struct, frozen=True, kw_only=True):
    """`pays_actual_time`: a stay stopped early costs what its time costs. VAT in hundredths of a percent."""

    zone_id: int
    pays_actual_time: bool
    vat_basis_points: int | None


async def read_stay_rules(
    connection: asyncpg.Connection, zone_id: int, retailer_id: int | None = None
) -> StayRules:
    """Of any operator's zone, or of this one's only. Raises NotFound."""
    row = await connection.fetchrow(_READ, zone_id, retailer_id)
    if row is None:
        raise NotFound("There is no such parking zone.")
    return StayRules(**dict(row))


async def write_stay_rules(
    connection: asyncpg.Connection, rules: StayRules, retailer_id: int, now: datetime
) -> StayRules:
    """What was before. Raises NotFound for another operator's zone."""
    before = await read_stay_rules(connection, rules.zone_id, retailer_id)
    await connection.execute(_WRITE, rules.zone_id, rules.pays_actual_time, rules.vat_basis_points, now)
    return before


def vat_minor(amount_minor: int, basis_points: int) -> int:
    """The VAT within an amount that includes it, to the nearest minor unit, halves up."""
    whole = 10_000 + basis_points
    return (2 * amount_minor * basis_points + whole) // (2 * whole)
