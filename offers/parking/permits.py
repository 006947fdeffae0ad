"""Permits: which class a plate parks as, kept by the operator, who gives plates and keeps none.

Owns the table `parking_permits` on the plain connection: the question of a plate, and the import of a list.
A plate without a permit has no class: it pays what everybody pays.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from offers.parking.zones import Zone

_CLASSES: Final = """
    SELECT DISTINCT user_class FROM parking_permits
    WHERE retailer_id = $1 AND plate_hmac = ANY($2::bytea[])
      AND (zone_ids IS NULL OR $3 = ANY (zone_ids)) AND valid_from <= $4 AND valid_until > $4
"""


async def classes_of_plate(
    connection: asyncpg.Connection, zone: Zone, hmacs: Sequence[bytes], at: datetime
) -> frozenset[str]:
    """The classes that this plate (`PlateKey.hmacs`) has in the zone at `at`, as tariffs ask for them."""
    rows = await connection.fetch(_CLASSES, zone.retailer_id, list(hmacs), zone.zone_id, at)
    return frozenset(row["user_class"] for row in rows)
