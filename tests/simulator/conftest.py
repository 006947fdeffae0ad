"""An invented town to walk in."""

from pathlib import Path

import pytest

SIZE = 10
SOUTH, WEST = 60.165, 24.93
STEP_NORTH, STEP_EAST = 0.0009, 0.0018  # about 100 m each


@pytest.fixture(scope="session")
def town_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of 10 by 10 streets, about 100 m apart, as an OSM file."""
    nodes = [
        f'<node id="{1 + row * SIZE + column}" version="1" lat="{lat}" lon="{lon}"/>'
        for row in range(SIZE)
        for column in range(SIZE)
        for lat, lon in [corner(row, column)]
    ]
    lines = [[1 + row * SIZE + column for column in range(SIZE)] for row in range(SIZE)]
    lines += [[1 + row * SIZE + column for row in range(SIZE)] for column in range(SIZE)]
    ways = [
        f'<way id="{number}" version="1">{"".join(f"""<nd ref="{ref}"/>""" for ref in line)}'
        '<tag k="highway" v="residential"/></way>'
        for number, line in enumerate(lines, start=1)
    ]
    path = tmp_path_factory.mktemp("town") / "town.osm"
    path.write_text(f'<osm version="0.6">{"".join(nodes)}{"".join(ways)}</osm>')
    return path


def corner(row: int, column: int) -> tuple[float, float]:
    """(latitude, longitude) of a street corner."""
    return SOUTH + row * STEP_NORTH, WEST + column * STEP_EAST
