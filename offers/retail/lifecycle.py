"""The life of an offer: draft → active ⇄ paused → ended, and the stop that takes effect at once.

Pausing and ending reach every worker within half a second; a stop is acknowledged only when no
delivery can follow it, and takes back what was not handed over. Activating resumes.
"""

from datetime import datetime
from typing import Final, Literal

import asyncpg

from geo.errors import Conflict, NotFound
from offers.retail.catalogue import touch
from offers.tables import OfferRow

Move = Literal["activate", "pause", "end"]

# From which states a move is allowed, and where it leads.
_MOVES: Final[dict[Move, tuple[frozenset[str], str]]] = {
    "activate": (frozenset({"draft", "paused"}), "active"),
    "pause": (frozenset({"active"}), "paused"),
    "end": (frozenset({"draft", "active", "paused"}), "ended"),
}

# An ended offer may still lie undelivered in inboxes: it can be stopped too.
_STOP: Final = """
UPDATE offers SET stopped_at = coalesce(stopped_at, $3), updated_at = $3, revision = revision + 1,
                  status = CASE status WHEN 'active' THEN 'paused' ELSE status END
WHERE retailer_id = $1 AND offer_id = $2 AND status <> 'draft'
RETURNING offer_id
"""
_EXISTS: Final = "SELECT status FROM offers WHERE retailer_id = $1 AND offer_id = $2"


def move(offer: OfferRow, name: Move, now: datetime) -> None:
    """Change the status of an offer that was read for update. Conflict on a wrong move."""
    allowed_from, to = _MOVES[name]
    if offer.status not in allowed_from:
        raise Conflict(f"This offer is {offer.status}; it cannot {name}.", code="wrong_move")
    if name == "activate":
        if offer.ends_at is not None and offer.ends_at <= now:
            raise Conflict("Its schedule is over; give it a later ends_at first.", code="schedule_is_over")
        offer.stopped_at = None
    offer.status = to
    touch(offer, now)


async def stop_offer(connection: asyncpg.Connection, retailer_id: int, offer_id: int, now: datetime) -> None:
    """Mark it stopped, whatever it does; stopping twice is harmless. Conflict for a draft.

    At once only together with what the caller does next: raise the stop version in this
    transaction, commit, `offers.retail.stops.settle`, `offers.retail.cancelling.cancel_of_offers`.
    """
    if await connection.fetchval(_STOP, retailer_id, offer_id, now) is not None:
        return
    if await connection.fetchval(_EXISTS, retailer_id, offer_id) is None:
        raise NotFound(f"There is no offer {offer_id}.")
    raise Conflict("A draft is not running; there is nothing to stop.", code="wrong_move")
