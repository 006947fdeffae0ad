"""Which figures of a table may be told, so that no small group of people can be read from it.

A figure from 1 to 9 is hidden, and so is a larger one behind which fewer than ten people are known to
stand. What can be added up can be subtracted: where a total and all but one of its parts are told, the
last follows. So of every sum either nothing is hidden, or at least two figures whose parts come to ten or
more (complementary suppression; A. Hundepool and others, Statistical Disclosure Control, Wiley 2012,
chapter 4). Owns the rule for one table; whoever lays several tables of other cuts side by side is not
stopped by it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

FEWEST: Final = 10

Numbers = npt.NDArray[np.int64]
Hidden = npt.NDArray[np.bool_]

# A number that no part can have, and by how much one seems larger that is hidden last.
_NO_PART: Final = np.iinfo(np.int64).max
_LAST: Final = 2**48


def hide(
    numbers: Numbers,
    *,
    people: Numbers | None = None,
    sums: Sequence[Sequence[int]] = (),
    precious: Sequence[int] = (),
) -> Hidden:
    """Which cells of `numbers[group, period, column]` are to be hidden.

    The last group is the sum of all others, unless there is only one, and so is the last period.
    `sums` name columns of which the first is the sum of the others; of these, `precious` ones are the last
    that are hidden for the sake of another. `people`, of the same shape, says how many people stand behind
    a number; -1: not known.
    """
    hidden = (numbers > 0) & (numbers < FEWEST)
    if people is not None:
        hidden |= (numbers > 0) & (people >= 0) & (people < FEWEST)
    is_settled = False
    while not is_settled:
        changes = [_protect(np.moveaxis(numbers, 1, -1), np.moveaxis(hidden, 1, -1))]
        if len(numbers) > 1:
            changes.append(_protect(np.moveaxis(numbers, 0, -1), np.moveaxis(hidden, 0, -1)))
        for total, *parts in sums:
            order = [*parts, total]
            of_sum = hidden[..., order]
            lasting = np.where(np.isin(parts, precious), _LAST, 0)
            changes.append(_protect(numbers[..., order], of_sum, lasting))
            hidden[..., order] = of_sum
        is_settled = not any(changes)
    return hidden


def _protect(numbers: Numbers, hidden: Hidden, lasting: Numbers | int = 0) -> bool:
    """Hide one more in every line that gives a hidden number away; its last is the sum of the others.

    The smallest, as if each part were larger by what `lasting` says.

    Writes to `hidden`; whether anything changed.
    """
    parts, are_hidden = numbers[..., :-1], hidden[..., :-1]
    is_total_hidden = hidden[..., -1]
    how_many = are_hidden.sum(axis=-1)
    together = np.where(are_hidden, parts, 0).sum(axis=-1)
    is_told_apart = (how_many == 1) | ((how_many > 1) & (together < FEWEST))
    is_open = np.where(is_total_hidden, how_many == 0, is_told_apart)
    if not is_open.any():
        return False
    lines = np.nonzero(is_open)
    candidates = np.where(are_hidden[lines] | (parts[lines] == 0), _NO_PART, parts[lines] + lasting)
    smallest = candidates.argmin(axis=-1)
    is_there_one = np.take_along_axis(candidates, smallest[:, None], axis=-1)[:, 0] < _NO_PART
    # Where no part is left to hide with, the sum is.
    hidden[(*lines, np.where(is_there_one, smallest, numbers.shape[-1] - 1))] = True
    return True
