"""Numbers of people as they may be told: never of fewer than ten, and never so that one person shows.

Told are multiples of ten, up or down by a draw whose mean is the true number. The draw, and how far above
ten a number must be to be told at all, depend on what is asked (a keyed hash), so asking again tells the
same. Two questions that differ in one person are drawn apart: the difference of their answers says about
nothing of that person, as it would with plain rounding whenever the two lie on both sides of a step.
This is no differential privacy: who may ask very many different questions that mean the same could
average them. Pure; whose numbers may be counted is the asker's affair.
"""

import hashlib
from typing import Final

SMALLEST_CROWD: Final = 10
STEP: Final = 10
_UNTOLD_UP_TO: Final = 5  # the threshold itself is drawn from 10 to 14


def tell_crowd(number: int, salt: str, *asked: object) -> int | None:
    """`number` people, as an answer to `asked`; None: too few to tell."""
    digest = hashlib.blake2b(repr((salt, *asked)).encode(), digest_size=16).digest()
    threshold = SMALLEST_CROWD + int.from_bytes(digest[:8], "big") % _UNTOLD_UP_TO
    if number < threshold:
        return None
    return (number + int.from_bytes(digest[8:], "big") % STEP) // STEP * STEP


def at_most(told: int | None, bound: int | None) -> int | None:
    """A part of a crowd beside the whole: not more than it, and not told where the whole is not."""
    return None if told is None or bound is None else min(told, bound)
