"""Joining a customer: what the first phone's yes does to the second.

Until then a phone that was somebody's stays so, with its token, consents and inbox: a joining that is
refused, or runs out of time, costs nothing. What its person was given before goes on to count, else
joining would be a way around the limits.

Lock order as in `offers.people.registration`: the installation's row, then both customers.
"""

from datetime import datetime
from typing import Final

import asyncpg

from geo.errors import Conflict
from offers.people import installations
from offers.people.customers import CustomerKey, lock_customers
from offers.people.devices import revoke_locked
from offers.people.linking import Link, read_link, used_by
from offers.people.withdrawal import erase_kept_for
from offers.terms import DIETARY

_ACTIVATE: Final = """
    UPDATE devices SET status = 'active' WHERE bucket = $1 AND device_id = $2 AND status = 'pending'
"""
_IS_SOMEWHERE: Final = """
    SELECT EXISTS (SELECT FROM devices WHERE bucket = $1 AND customer_id = $2 AND status = 'active')
"""
# What was handed over takes a slot for good; the rest no phone can be handed any more.
_GIVEN: Final = """
    SELECT delivery_id, offer_id, retailer_id, channel, tags, counts_toward_caps,
           dismissed_at IS NOT NULL OR less_like_this_at IS NOT NULL AS was_dismissed, decided_at
    FROM deliveries WHERE bucket = $1 AND customer_id = $2 AND handed_at IS NOT NULL
    UNION ALL
    SELECT delivery_id, offer_id, retailer_id, channel, tags, counts_toward_caps, was_dismissed, decided_at
    FROM earlier_deliveries WHERE bucket = $1 AND customer_id = $2
"""
_REMEMBER: Final = """
    INSERT INTO earlier_deliveries (bucket, customer_id, delivery_id, offer_id, retailer_id, channel, tags,
                                    counts_toward_caps, was_dismissed, decided_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
"""
_WAS: Final = """
    INSERT INTO former_customers (bucket, customer_id, former_bucket, former_customer_id, joined_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""


async def confirm_link(connection: asyncpg.Connection, key: CustomerKey, code_id: str) -> Link:
    """The first phone's yes: the pending device becomes active, and what it was before ends.

    Saying it twice is harmless. Raises Conflict `link_code_<state>` for a code that nobody used, that
    was refused, or is too old.
    """
    installation = await used_by(connection, key, code_id)
    before = None if installation is None else await installations.lock(connection, installation)
    now = await lock_customers(connection, key, *([] if before is None else [before.key]))
    link = await read_link(connection, key, code_id)
    if link.state == "confirmed":
        return link
    if link.state != "to_confirm" or installation is None or before is None or link.device_id is None:
        # To confirm by now means used at this very moment: nobody can have seen yet by whom.
        state = "waiting" if link.state == "to_confirm" else link.state
        raise Conflict("This code cannot be confirmed in its present state.", code=f"link_code_{state}")
    await connection.execute(_ACTIVATE, key.bucket, link.device_id)
    if before.device_id != link.device_id:
        await revoke_locked(connection, *before, now)
        await installations.point_to(connection, installation, key.bucket, link.device_id)
        await _remember_who_it_was(connection, before.key, key, now)
    return await read_link(connection, key, code_id)


async def _remember_who_it_was(
    connection: asyncpg.Connection, before: CustomerKey, key: CustomerKey, now: datetime
) -> None:
    """Let what a customer without phones was given count for whoever they are now. Both are locked.

    Who they were is kept with it: an export or an erasure is of the person, under all of their ids.
    """
    if before == key or await connection.fetchval(_IS_SOMEWHERE, *before):
        return
    given = await connection.fetch(_GIVEN, *before)
    await connection.executemany(_REMEMBER, [(*key, *row) for row in given])
    # Nobody can read or take it back any more: health data wait for no period.
    await erase_kept_for(connection, before, frozenset({DIETARY}))
    await connection.execute(_WAS, *key, *before, now)
