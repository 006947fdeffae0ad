"""The life of an offer: draft → active ⇄ paused → ended, and the stop that takes effect at once.

Pausing and ending reach every worker within half a second; a stop is acknowledged only when no
delivery can follow it, and takes back what was not handed over. Activating resumes, unless the
operator stopped it and a retailer activates. Whoever is in doubt may make any move again.
"""

from datetime import datetime
from typing import Final, Literal

import asyncpg

from geo.errors import Conflict, NotFound
from offers.retail.catalogue import touch
from offers.retail.stops import Stopper, refuse_resuming
from offers.tables import OfferRow

Move = Literal["activate", "pause", "end"]

# From which states a move is allowed, and where it leads.
_MOVES: Final[dict[Move, tuple[frozenset[str], str]]] = {
    "activate": (frozenset({"draft", "paused"}), "active"),
    "pause": (frozenset({"active"}), "paused"),
    "end": (frozenset({"draft", "active", "paused"}), "ended"),
}

# An ended offer may still lie undelivered in inboxes: it can be stopped too. An operator's stop
# outlasts a retailer's, whichever came first.
_STOP: Final = """
UPDATE offers SET stopped_at = coalesce(stopped_at, $3), stopped_by = $4, updated_at = $3,
                  revision = revision + 1,
                  status = CASE status WHEN 'active' THEN 'paused' ELSE status END
WHERE retailer_id = $1 AND offer_id = $2 AND status <> 'draft'
  AND (stopped_at IS NULL OR ($4 = 'operator' AND stopped_by IS DISTINCT FROM 'operator'))
RETURNING offer_id
"""
_STATUS: Final = "SELECT status FROM offers WHERE retailer_id = $1 AND offer_id = $2"


def is_made(offer: OfferRow, name: Move) -> bool:
    """Whether the move has led where it leads: a retry of it is then done already."""
    return offer.status == _MOVES[name][1]


def move(offer: OfferRow, name: Move, now: datetime, *, by: Stopper) -> None:
    """Change the status of an offer that was read for update.

    Conflict on a wrong move, Forbidden when a retailer would resume what the operator stopped.
    """
    allowed_from, to = _MOVES[name]
    if offer.status not in allowed_from:
        raise Conflict(f"This offer is {offer.status}; it cannot {name}.", code="wrong_move")
    if name == "activate":
        if offer.ends_at is not None and offer.ends_at <= now:
            raise Conflict("Its schedule is over; give it a later ends_at first.", code="schedule_is_over")
        refuse_resuming(offer.stopped_by, by)
        offer.stopped_at = offer.stopped_by = None
    offer.status = to
    touch(offer, now)


async def stop_offer(
    connection: asyncpg.Connection,
    retailer_id: int,
    offer_id: int,
    now: datetime,
    *,
    by: Stopper = "retailer",
) -> bool:
    """Mark it stopped, whatever it does. False if it is stopped already; Conflict for a draft.

    At once only together with what the caller does next: raise the stop version in this
    transaction, commit, `offers.retail.stops.settle`, `offers.retail.cancelling.cancel_of_offers`.
    """
    if await connection.fetchval(_STOP, retailer_id, offer_id, now, by) is not None:
        return True
    status = await connection.fetchval(_STATUS, retailer_id, offer_id)
    if status is None:
        raise NotFound(f"There is no offer {offer_id}.")
    if status == "draft":
        raise Conflict("A draft is not running; there is nothing to stop.", code="wrong_move")
    return False
