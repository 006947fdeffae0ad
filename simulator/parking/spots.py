"""Where a car can be left: along quiet roads, and in zones that no road leads through.

Pure geometry. A spot is reached from the road node before it.
"""

from typing import Final, NamedTuple

import numpy as np
import shapely

from simulator.parking.zones import Zones
from simulator.plane import Floats
from simulator.roads import Roads

EVERY_M: Final = 25.0
# Cars stand to the right of where they drove.
KERB_M: Final = 3.5
FROM_A_CORNER_M: Final = 8.0
# A car park farther from any road is not driven to.
FROM_A_ROAD_M: Final = 120.0


class Spots(NamedTuple):
    """Positions (x, y), the road node each is reached from, and which of them lie in some paid zone."""

    metres: Floats
    nodes: tuple[int, ...]
    paid: tuple[int, ...]
    free: tuple[int, ...]


def find_spots(roads: Roads, zones: Zones) -> Spots | None:
    """Every 25 m of a quiet road, and one at least in every zone that a road is near; None for none."""
    metres, nodes = _along(roads)
    inside: set[int] = set()
    tree = shapely.STRtree(np.asarray(shapely.points(metres), dtype=object)) if metres else None
    for zone in zones.zones:
        covered = [] if tree is None else tree.query(zone.shape, predicate="intersects").tolist()
        inside.update(covered)
        if not covered:
            within = shapely.get_coordinates(shapely.point_on_surface(zone.shape))[0]
            node = int(roads.nearest(within))
            if float(np.hypot(*(roads.metres[node] - within))) <= FROM_A_ROAD_M:
                inside.add(len(metres))
                metres.append(within)
                nodes.append(node)
    if not metres:
        return None
    free = tuple(spot for spot in range(len(metres)) if spot not in inside)
    return Spots(np.array(metres), tuple(nodes), tuple(sorted(inside)), free)


def _along(roads: Roads) -> tuple[list[Floats], list[int]]:
    metres: list[Floats] = []
    nodes: list[int] = []
    for road in roads.roads:
        if not road.is_quiet:
            continue
        start, end = roads.metres[road.start], roads.metres[road.end]
        length_m = float(np.hypot(*(end - start)))
        if length_m < 2 * FROM_A_CORNER_M:
            continue
        along = (end - start) / length_m
        to_the_right = np.array([along[1], -along[0]]) * KERB_M
        for away_m in np.arange(FROM_A_CORNER_M, length_m - FROM_A_CORNER_M, EVERY_M):
            metres.append(start + along * away_m + to_the_right)
            nodes.append(road.start)
    return metres, nodes
