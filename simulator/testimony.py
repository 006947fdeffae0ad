"""What the server says of a delivery, held against what the simulator knows by itself.

The recount must not believe the one it checks: whose an offer is, its channel and its tags are what was
read before the run, and the time is that of the clock, which stands still while phones ask. Owns the
comparison and its words; counting them is the world's work.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from simulator import wire
from simulator.journal import Delivery, Journal

UNKNOWN_OFFER: Final = "delivery of an offer that was not there before the run"
WRONG_TIME: Final = "delivery whose decided_at is not a time at which it can have been decided"


class KnownOffer(NamedTuple):
    """An offer as it was read before the run.

    `has_stock`: its redemptions are counted. `may_whisper`: in quiet hours it goes to the inbox instead.
    """

    retailer_id: int
    channel: str
    tags: frozenset[str]
    has_stock: bool = False
    may_whisper: bool = False


class Established(NamedTuple):
    """A delivery by what is known of it, and everything that the server said differently."""

    delivery: Delivery
    contradictions: tuple[str, ...]


def establish(
    said: wire.Delivery,
    customer: str,
    offers: Mapping[int, KnownOffer],
    journal: Journal,
    *,
    decided_now: bool,
) -> Established:
    """`decided_now`: it came in the answer to fixes. Only an unknown offer is taken at its word."""
    as_said = KnownOffer(said.retailer_id, said.channel, frozenset(said.tags))
    known = offers.get(said.offer_id)
    offer = known or as_said
    if offer.may_whisper and said.channel == "inbox":
        offer = offer._replace(channel="inbox")
    decided_at = journal.moment(said.decided_at, decided_now=decided_now)
    found = [] if known else [UNKNOWN_OFFER]
    found += [
        f"delivery whose {name} is not its offer's"
        for name in ("retailer_id", "channel", "tags")
        if getattr(as_said, name) != getattr(offer, name)
    ]
    if decided_at != said.decided_at:
        found.append(WRONG_TIME)
    delivery = Delivery(
        delivery_id=said.delivery_id,
        customer=customer,
        offer_id=said.offer_id,
        retailer_id=offer.retailer_id,
        channel=offer.channel,
        tags=offer.tags,
        seq=said.seq,
        crossing_id=said.crossing_id,
        decided_at=decided_at,
    )
    return Established(delivery, tuple(found))
