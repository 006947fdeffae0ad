"""The versions of tariffs, read: which is in force, and what a pinned one says.

A reference is `(tariff_id, version)`, for good: a version is never edited. Owns the reading on the plain
connection; publishing is `offers.parking.publishing`', what the terms mean `offers.parking.tariffs`'.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.parking.tariffs import Tariff
from offers.parking.zones import Zone

TOLD: Final = "v.version, v.valid_from, v.valid_until, v.terms::text AS terms"
COLUMNS: Final = f"v.tariff_id, {TOLD}"
# Of the version that holds at the moment that stands for {at}.
HOLDS: Final = """
    v.withdrawn_at IS NULL AND (v.valid_from IS NULL OR v.valid_from <= {at})
    AND (v.valid_until IS NULL OR v.valid_until > {at})
"""
_PINNED: Final = f"""
    SELECT {COLUMNS} FROM parking_tariff_versions AS v WHERE v.tariff_id = $1 AND v.version = $2
"""  # noqa: S608 - joined from constants of this module
_IN_FORCE: Final = f"""
    SELECT {COLUMNS} FROM parking_tariff_versions AS v
    WHERE v.tariff_id = ANY($1::bigint[]) AND {HOLDS.format(at="$2")}
"""  # noqa: S608 - the same


class TariffVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version; `(tariff_id, version)` is what a quote pins."""

    tariff_id: int
    version: int
    tariff: Tariff


async def read_version(connection: asyncpg.Connection, tariff_id: int, version: int) -> TariffVersion:
    """Whether it is in force or not, or was withdrawn. Raises NotFound."""
    row = await connection.fetchrow(_PINNED, tariff_id, version)
    if row is None:
        raise NotFound("There is no such version of a tariff.")
    return version_in(row)


async def versions_in_force(
    connection: asyncpg.Connection, tariff_ids: Collection[int], at: datetime
) -> dict[int, TariffVersion]:
    """By tariff, the version that holds at `at`; a tariff with none then is left out."""
    rows = await connection.fetch(_IN_FORCE, list(tariff_ids), at)
    return {row["tariff_id"]: version_in(row) for row in rows}


async def tariff_of_zone(connection: asyncpg.Connection, zone: Zone, at: datetime) -> TariffVersion | None:
    """What one pays by in the zone at `at`; None where nothing can be bought then."""
    if zone.tariff_id is None:
        return None
    return (await versions_in_force(connection, [zone.tariff_id], at)).get(zone.tariff_id)


def version_in(row: Mapping[str, Any]) -> TariffVersion:
    """Of a row with `COLUMNS`."""
    tariff = whole(terms_in(row["terms"]), row["valid_from"], row["valid_until"])
    return TariffVersion(tariff_id=row["tariff_id"], version=row["version"], tariff=tariff)


def whole(terms: Tariff, valid_from: datetime | None, valid_until: datetime | None) -> Tariff:
    """The terms, with when they are in force."""
    return msgspec.structs.replace(terms, valid_from=valid_from, valid_until=valid_until)


@lru_cache(maxsize=1024)
def terms_in(terms: str) -> Tariff:
    """The stored terms, which were judged when they were published. Cities share a few."""
    return msgspec.json.decode(terms, type=Tariff)
