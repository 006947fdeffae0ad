"""What a retailer says about its own customers, whom it knows by a reference they gave it.

Owns the rows of `customer_attributes`. Only that retailer's offers read them (`offers.audience`), and the
customer sees them (`offers.people.references`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import InvalidInput
from offers.people.references import customer_behind
from offers.retail.audience_edits import attribute_faults

_READ: Final = """
    SELECT attributes, updated_at FROM customer_attributes
    WHERE bucket = $1 AND customer_id = $2 AND retailer_id = $3
"""
_WRITE: Final = """
    INSERT INTO customer_attributes (bucket, customer_id, retailer_id, attributes, updated_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (bucket, customer_id, retailer_id)
    DO UPDATE SET attributes = excluded.attributes, updated_at = excluded.updated_at
"""
_DELETE: Final = """
    DELETE FROM customer_attributes WHERE bucket = $1 AND customer_id = $2 AND retailer_id = $3
"""


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """All that a retailer says about one customer. `updated_at` None: nothing."""

    attributes: dict[str, str]
    updated_at: datetime | None


async def read_attributes(connection: asyncpg.Connection, retailer_id: int, reference: str) -> Attributes:
    """NotFound for a reference that is not this retailer's, or is no longer consented to."""
    key, _ = await customer_behind(connection, reference, retailer_id)
    row = await connection.fetchrow(_READ, *key, retailer_id)
    if row is None:
        return Attributes(attributes={}, updated_at=None)
    return Attributes(attributes=msgspec.json.decode(row["attributes"]), updated_at=row["updated_at"])


async def set_attributes(
    connection: asyncpg.Connection, retailer_id: int, reference: str, attributes: Mapping[str, str]
) -> Attributes:
    """Replace all that is said. InvalidInput names each that cannot be said; NotFound as for reading."""
    faults = attribute_faults({name: [value] for name, value in attributes.items()}, "attributes")
    if faults:
        raise InvalidInput("Some attributes cannot be used.", faults=tuple(faults))
    key, now = await customer_behind(connection, reference, retailer_id, lock=True)
    said = msgspec.json.encode(dict(attributes)).decode()
    await connection.execute(_WRITE, *key, retailer_id, said, now)
    return Attributes(attributes=dict(attributes), updated_at=now)


async def delete_attributes(connection: asyncpg.Connection, retailer_id: int, reference: str) -> None:
    """Say nothing any more; the reference stays. NotFound as for reading."""
    key, _ = await customer_behind(connection, reference, retailer_id, lock=True)
    await connection.execute(_DELETE, *key, retailer_id)
