"""Where the fixes of many phones stand to the fences that matter to them, in one vectorised look-up.

For every fix: the signed distance (metres, negative inside) to each fence that covers any fix of
the same phone in this batch, and to each fence the phone is already known to be in or near.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from geo.fixes import Fix
from geo.index import FenceIndex

Distances = dict[int, float]


class Located:
    """The answers of one look-up, in the order of the phones and fixes asked about."""

    def __init__(self, distances: list[list[Distances]], quiet_radius_m: list[float]) -> None:
        self.distances = distances
        self.quiet_radius_m = quiet_radius_m


def locate(index: FenceIndex, phones: Sequence[tuple[Sequence[Fix], Iterable[int]]]) -> Located:
    """`phones` are (fixes, ids of fences already known to the phone); ids no longer there are skipped.

    `quiet_radius_m` holds one value per phone, for its latest fix.
    """
    fixes = [fix for phone_fixes, _ in phones for fix in phone_fixes]
    found = index.look_up([(fix.lon, fix.lat) for fix in fixes])
    pair_fix: list[int] = []
    pair_row: list[int] = []
    quiet: list[float] = []
    first = 0
    for phone_fixes, known in phones:
        after = first + len(phone_fixes)
        rows = {index.row_of[fence_id] for fence_id in known if fence_id in index.row_of}
        for covering, _ in found[first:after]:
            rows.update(covering)
        for position in range(first, after) if rows else ():
            pair_fix.extend([position] * len(rows))
            pair_row.extend(rows)
        latest = (
            first if after - first == 1 else max(range(first, after), key=lambda number: fixes[number].at)
        )
        quiet.append(found[latest][1])
        first = after

    flat: list[Distances] = [{} for _ in fixes]
    if pair_fix:
        lon = np.array([fixes[position].lon for position in pair_fix])
        lat = np.array([fixes[position].lat for position in pair_fix])
        metres = index.edge_distances_m(lon, lat, np.array(pair_row, dtype=np.intp))
        for position, row, distance_m in zip(pair_fix, pair_row, metres.tolist(), strict=True):
            signed = -distance_m if row in found[position][0] else distance_m
            flat[position][index.fence_ids[row]] = signed
    return Located(_regroup(flat, phones), quiet)


def _regroup(
    flat: list[Distances], phones: Sequence[tuple[Sequence[Fix], Iterable[int]]]
) -> list[list[Distances]]:
    groups, first = [], 0
    for phone_fixes, _ in phones:
        groups.append(flat[first : first + len(phone_fixes)])
        first += len(phone_fixes)
    return groups
