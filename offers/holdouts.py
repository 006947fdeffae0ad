"""Who is held out: people who would be given an offer and are not, so that its effect can be measured.

The draw is a keyed hash of the customer and the offer (or of the customer alone, for everything): the
same people are drawn every time, nobody can work out who without the salt, and one offer's draw tells
nothing of another's. Owns the draw; it is asked last, of the offer that would win (`offers.ranking`).
"""

from hashlib import blake2b
from typing import Final, Literal
from uuid import UUID

from offers.terms import Defaults, Offer, Reason, Rule

DrawnFor = Literal["everything", "offer"]

_LOTS: Final = 10_000


def lot(salt: str, customer_id: UUID, offer_id: int | None) -> int:
    """0 to 9,999, evenly. `offer_id` None draws for everything at once."""
    about = b"everything" if offer_id is None else b"offer:%d" % offer_id
    key = blake2b(salt.encode(), digest_size=32).digest()
    drawn = blake2b(about + b":" + customer_id.bytes, key=key, digest_size=8).digest()
    return int.from_bytes(drawn, "big") % _LOTS


def held_out_of(
    offer: Offer, customer_id: UUID, defaults: Defaults
) -> tuple[DrawnFor | None, tuple[Rule, ...]]:
    """What the person is held out of, if anything, and the draws that were made."""
    draws: list[tuple[DrawnFor, int | None, int]] = [
        ("everything", None, defaults.holdout_percent),
        ("offer", offer.offer_id, offer.holdout_percent),
    ]
    rules = []
    for drawn_for, offer_id, percent in draws:
        if percent:
            is_out = lot(defaults.holdout_salt, customer_id, offer_id) < percent * _LOTS // 100
            numbers: dict[str, str | int | float | bool | None] = {"drawn_for": drawn_for, "percent": percent}
            rules.append(Rule(name=Reason.HOLDOUT, passed=not is_out, numbers=numbers))
            if is_out:
                return drawn_for, tuple(rules)
    return None, tuple(rules)
