"""The versions of tariffs, read: which is in force, and what a pinned one says.

A reference is `(tariff_id, version)`, for good: a version is never edited. Owns the reading on the plain
connection; publishing is `offers.parking.publishing`', what the terms mean `offers.parking.tariffs`'.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.parking.zones import Zone

_COLUMNS: Final = "v.tariff_id, v.version, v.valid_from, v.valid_until, v.terms::text AS terms"
_PINNED: Final = f"""
    SELECT {_COLUMNS} FROM parking_tariff_versions AS v WHERE v.tariff_id = $1 AND v.version = $2
"""  # noqa: S608 - joined from constants of this module
_IN_FORCE: Final = f"""
    SELECT {_COLUMNS} FROM parking_tariff_versions AS v
    WHERE v.tariff_id = ANY($1::bigint[]) AND v.withdrawn_at IS NULL
      AND (v.valid_from IS NULL OR v.valid_from <= $2) AND (v.valid_until IS NULL OR v.valid_until > $2)
"""  # noqa: S608 - the same


class TariffVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version. `terms` is the documented JSON; `(tariff_id, version)` is what a quote pins."""

    tariff_id: int
    version: int
    valid_from: datetime | None
    valid_until: datetime | None
    terms: str


async def read_version(connection: asyncpg.Connection, tariff_id: int, version: int) -> TariffVersion:
    """Whether it is in force or was withdrawn or not. Raises NotFound."""
    row = await connection.fetchrow(_PINNED, tariff_id, version)
    if row is None:
        raise NotFound("There is no such version of a tariff.")
    return TariffVersion(**dict(row))


async def versions_in_force(
    connection: asyncpg.Connection, tariff_ids: Collection[int], at: datetime
) -> dict[int, TariffVersion]:
    """By tariff, the version that holds at `at`; a tariff with none then is left out."""
    rows = await connection.fetch(_IN_FORCE, list(tariff_ids), at)
    return {row["tariff_id"]: TariffVersion(**dict(row)) for row in rows}


async def tariff_of_zone(connection: asyncpg.Connection, zone: Zone, at: datetime) -> TariffVersion | None:
    """What one pays by in the zone at `at`; None where nothing can be bought then."""
    if zone.tariff_id is None:
        return None
    return (await versions_in_force(connection, [zone.tariff_id], at)).get(zone.tariff_id)
