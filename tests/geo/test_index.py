"""The fence index against PostGIS, and its distances against geodesics."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import numpy as np
import pytest
import shapely

from geo.index import FURTHEST_EDGE_M, FenceIndex

SHARED = Path(__file__).resolve().parent.parent.parent.parent / "shared" / "data"
# Where they are, and how many.
REAL_SHAPES = {
    "Paris quartiers": (SHARED / "polygons" / "paris_quartiers.geojson", 80),
    "Montpellier districts": (SHARED / "montpellier" / "VilleMTP_MTP_Quartiers.geojson", 7),
    "Montpellier sub-districts": (SHARED / "montpellier" / "VilleMTP_MTP_SousQuartiers.geojson", 31),
}
RANDOM_POINTS = 100_000

COVERING = """
SELECT p.n::integer, s.n
FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS p(lon, lat, n)
JOIN shapes s ON ST_Covers(s.shape, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326))
"""


def shapes_of(path: Path) -> list[shapely.Geometry]:
    if not path.exists():
        pytest.skip(f"the real data is not there: {path.name}")
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    shapes = [shapely.force_2d(shapely.from_geojson(json.dumps(one["geometry"]))) for one in features]
    return [shape for shape in shapes if shape.is_valid]


@pytest.mark.parametrize("name", REAL_SHAPES)
async def test_the_index_and_postgis_agree_on_real_districts(name: str, pool: asyncpg.Pool) -> None:
    path, count = REAL_SHAPES[name]
    shapes = shapes_of(path)
    assert len(shapes) == count
    rng = np.random.default_rng(17)
    west, south, east, north = shapely.total_bounds(np.array(shapes))
    vertices = shapely.get_coordinates(np.array(shapes))
    midpoints = (vertices[:-1] + vertices[1:]) / 2
    lon = np.concatenate((rng.uniform(west, east, RANDOM_POINTS), vertices[:, 0], midpoints[:, 0]))
    lat = np.concatenate((rng.uniform(south, north, RANDOM_POINTS), vertices[:, 1], midpoints[:, 1]))

    found = FenceIndex(range(len(shapes)), shapes).look_up(list(zip(lon.tolist(), lat.tolist(), strict=True)))
    async with pool.acquire() as connection:
        await connection.execute("CREATE TEMPORARY TABLE shapes (n integer, shape geometry(Geometry, 4326))")
        await connection.executemany(
            "INSERT INTO shapes VALUES ($1, ST_GeomFromWKB($2, 4326))",
            [(n, shapely.to_wkb(shape)) for n, shape in enumerate(shapes)],
        )
        await connection.execute("CREATE INDEX ON shapes USING gist (shape)")
        covers = await connection.fetch(COVERING, lon.tolist(), lat.tolist(), timeout=120)

    ours = {(position, row) for position, (rows, _) in enumerate(found) for row in rows}
    theirs = {(position - 1, row) for position, row in covers}
    assert len(ours) > RANDOM_POINTS / 4
    assert ours == theirs


def circle(lon: float, lat: float, radius_m: float) -> shapely.Geometry:
    turn = np.linspace(0, 2 * np.pi, 65)[:-1]
    metres = 111_195.0
    return shapely.polygons(
        np.column_stack(
            (
                lon + radius_m / metres * np.cos(turn) / np.cos(np.radians(lat)),
                lat + radius_m / metres * np.sin(turn),
            )
        )
    )


@pytest.mark.parametrize("lat", [-54.8, 0.1, 43.6, 60.2, 78.2])
def test_distances_to_an_edge_are_metres_at_every_latitude(lat: float) -> None:
    index = FenceIndex([7], [circle(3.0, lat, 200.0)])
    north_m = np.array([0.0, 100.0, 300.0, 1200.0])
    lats = lat + north_m / 111_195.0
    distances = index.edge_distances_m(np.full(4, 3.0), lats, np.zeros(4, dtype=np.intp))
    np.testing.assert_allclose(distances, np.abs(north_m - 200.0), rtol=0.005, atol=0.5)
    np.testing.assert_allclose(index.radius_m, [200.0], rtol=0.005)


def test_no_edge_lies_within_the_quiet_radius() -> None:
    rng = np.random.default_rng(5)
    shapes = [circle(24.9 + x, 60.1 + y, 80.0) for x, y in rng.uniform(0, 0.1, (200, 2))]
    index = FenceIndex(range(200), shapes)
    lon, lat = rng.uniform(24.9, 25.0, 3000), rng.uniform(60.1, 60.2, 3000)
    found = index.look_up(list(zip(lon.tolist(), lat.tolist(), strict=True)))
    radii = np.array([quiet_m for _, quiet_m in found])
    true = np.min(
        [index.edge_distances_m(lon, lat, np.full(3000, row, dtype=np.intp)) for row in range(200)], axis=0
    )
    assert (radii <= true + 0.01).all()
    assert (radii >= np.minimum(true, FURTHEST_EDGE_M) - 100).all()


def test_without_fences_nothing_is_covered_and_all_is_quiet() -> None:
    assert FenceIndex([], []).look_up([(1.0, 2.0)]) == [((), FURTHEST_EDGE_M)]


def test_what_a_cell_remembers_is_what_the_predicate_says_near_edges_and_vertices() -> None:
    rng = np.random.default_rng(11)
    shapes = [circle(24.94 + x, 60.17 + y, 30.0) for x, y in rng.uniform(0, 0.01, (60, 2))]
    near = shapely.get_coordinates(np.array(shapes)).repeat(20, axis=0)
    positions = near + rng.normal(0, 1e-5, near.shape) * rng.integers(0, 2, (len(near), 1))
    found = FenceIndex(range(60), shapes).look_up([(lon, lat) for lon, lat in positions.tolist()])
    truth = shapely.intersects_xy(np.array(shapes)[:, None], positions[:, 0], positions[:, 1])
    assert [sorted(rows) for rows, _ in found] == [np.flatnonzero(one).tolist() for one in truth.T]


def test_a_full_memory_is_emptied_and_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    index = FenceIndex([5], [circle(24.94, 60.17, 300.0)])
    positions = [(24.94 + step / 1000, 60.17) for step in range(20)]
    first = index.look_up(positions)
    monkeypatch.setattr("geo.index.MOST_CELLS", 3)
    assert [index.look_up([position])[0] for position in positions] == first
    for known in range(1, 20):
        index.look_up(positions[:known])
        assert index.look_up(positions) == first


def test_an_edge_across_the_date_line_ends_the_quiet() -> None:
    index = FenceIndex([1], [shapely.box(179.990, -0.005, 179.999, 0.005)])
    (_, here), (_, there) = index.look_up([(-179.999, 0.0), (179.985, 0.0)])
    assert 100 < here < 223
    assert 400 < there < 557
