"""Retailers: who may define places and offers, and whether all they offer is stopped.

Owns the rows of `retailers`. Their keys are the edge's (`api.keys`).
"""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import InvalidInput, NotFound
from geo.places import external_id_faults, name_faults
from geo.taken import given_once
from offers.retail.stops import Stopper, refuse_resuming

_COLUMNS: Final = "retailer_id, external_id, name, stopped_at, stopped_by, created_at"
_ADD: Final = f"""
    INSERT INTO retailers (external_id, name, created_at) VALUES ($1, $2, $3) RETURNING {_COLUMNS}
"""  # noqa: S608 - joined from constants of this module
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM retailers WHERE retailer_id > $1 ORDER BY retailer_id LIMIT $2
"""  # noqa: S608 - the same
_ONE: Final = f"SELECT {_COLUMNS} FROM retailers WHERE retailer_id = $1"  # noqa: S608 - the same
# An operator's stop outlasts a retailer's, whichever came first.
_STOP: Final = f"""
    UPDATE retailers SET
        stopped_at = coalesce(stopped_at, alentour_now()),
        stopped_by = CASE WHEN stopped_at IS NULL OR $2 = 'operator' THEN $2 ELSE stopped_by END
    WHERE retailer_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - the same
_LOCK: Final = f"{_ONE} FOR NO KEY UPDATE"
_RESUME: Final = f"""
    UPDATE retailers SET stopped_at = NULL, stopped_by = NULL WHERE retailer_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - the same


class Retailer(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant. While `stopped_at` is set, nothing of theirs is offered to anybody.

    `stopped_by` says who did it: what the operator stopped, only the operator resumes.
    """

    retailer_id: int
    external_id: str | None
    name: str
    stopped_at: datetime | None
    stopped_by: Stopper | None
    created_at: datetime


async def add_retailer(
    connection: asyncpg.Connection, name: str, external_id: str | None, now: datetime
) -> Retailer:
    """Raises InvalidInput, and Conflict for an `external_id` that is taken."""
    if faults := (*name_faults(name, "name"), *external_id_faults(external_id, "external_id")):
        raise InvalidInput("The retailer cannot be used.", faults=tuple(faults))
    with given_once("external_id"):
        return _retailer(await connection.fetchrow(_ADD, external_id, name, now))


async def list_retailers(connection: asyncpg.Connection, after: int, at_most: int) -> list[Retailer]:
    """By id, those above `after`."""
    return [_retailer(row) for row in await connection.fetch(_LIST, after, at_most)]


async def read_retailer(connection: asyncpg.Connection, retailer_id: int) -> Retailer:
    return _retailer(await connection.fetchrow(_ONE, retailer_id))


async def stop_retailer(connection: asyncpg.Connection, retailer_id: int, *, by: Stopper) -> Retailer:
    """From the commit on, whoever decides reads the stop first. Stopping twice changes nothing."""
    return _retailer(await connection.fetchrow(_STOP, retailer_id, by))


async def resume_retailer(connection: asyncpg.Connection, retailer_id: int, *, by: Stopper) -> Retailer:
    """Let offers run again; those stopped one by one stay stopped. Forbidden for an operator's stop."""
    stopped = _retailer(await connection.fetchrow(_LOCK, retailer_id))
    refuse_resuming(stopped.stopped_by, by)
    return _retailer(await connection.fetchrow(_RESUME, retailer_id))


def _retailer(row: asyncpg.Record | None) -> Retailer:
    if row is None:
        raise NotFound("There is no such retailer.")
    return Retailer(**dict(row))
