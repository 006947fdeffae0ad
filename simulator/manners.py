"""What people do with an offer: look at it, open it, wave it away, use it at the till.

Pure choices; carrying them out is the phones' work.
"""

from typing import Final, Literal, NamedTuple

import numpy as np

Act = Literal["shown", "opened", "dismissed", "less_like_this", "redeem", "redeem_again", "ask_twice"]

SEES: Final = {"push": 0.9, "inbox": 0.6}
OPENS: Final = 0.55
DISMISSES: Final = 0.12
WANTS_LESS: Final = 0.03
REDEEMS: Final = 0.6
# Of those who redeem: whose till repeats the request, and who come back with the same code.
TILL_REPEATS: Final = 0.2
COMES_BACK: Final = 0.15


class Reaction(NamedTuple):
    """Something to do `after_s` seconds from the moment the offer arrived."""

    after_s: float
    act: Act


def reactions(rng: np.random.Generator, channel: str) -> list[Reaction]:
    """What somebody does with one offer, in the order of time."""
    if rng.random() >= SEES.get(channel, 0.5):
        return []
    shown_s = float(rng.uniform(3, 60))
    found = [Reaction(shown_s, "shown")]
    if rng.random() < DISMISSES:
        found.append(Reaction(shown_s + 5, "dismissed"))
        if rng.random() < WANTS_LESS / DISMISSES:
            found.append(Reaction(shown_s + 8, "less_like_this"))
        return found
    if rng.random() >= OPENS:
        return found
    opened_s = shown_s + float(rng.uniform(2, 90))
    found.append(Reaction(opened_s, "opened"))
    if rng.random() < REDEEMS:
        redeemed_s = opened_s + float(rng.uniform(60, 900))
        found.append(Reaction(redeemed_s, "redeem"))
        if rng.random() < TILL_REPEATS:
            found.append(Reaction(redeemed_s + 1, "ask_twice"))
        if rng.random() < COMES_BACK:
            found.append(Reaction(redeemed_s + 120, "redeem_again"))
    return found
