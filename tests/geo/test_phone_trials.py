"""What a trial predicts is what phones do: checked against a simulation of this module's own.

It shares nothing with `geo.phone_trials` but the crossing rules: other errors, other seeds, distances to
circles and rectangles by formula, and whole device states as the server keeps them (`geo.tracking`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box

from geo.crossings import FenceRules
from geo.fixes import Fix
from geo.phone_trials import ACCURACIES_M, SEED, STANDOFF_M, Ground, Trial, run_trial, try_phones
from geo.phone_trials import PEOPLE as TRIED
from geo.shapes import Shape, circle, metres_per_degree
from geo.tracking import DeviceState, advance

Floats = NDArray[np.float64]
Distance = Callable[[Floats], Floats]

LON, LAT = 24.94, 60.17
PEOPLE = 600


def about(of_100: float) -> object:
    """Two figures of 200 and `PEOPLE` people differ by less, 999 times of 1,000."""
    share = min(max(of_100 / 100, 0.03), 0.97)
    return pytest.approx(of_100, abs=3.3 * 100 * math.sqrt(share * (1 - share) * (1 / 200 + 1 / PEOPLE)))


def rectangle(width_m: float, height_m: float) -> Shape:
    east, north = np.array((width_m, height_m)) / 2 / metres_per_degree(LAT)
    return Shape(polygon=box(LON - east, LAT - north, LON + east, LAT + north))


def from_circle(radius_m: float) -> Distance:
    return lambda places: np.hypot(places[..., 0], places[..., 1]) - radius_m


def from_rectangle(width_m: float, height_m: float) -> Distance:
    def distance(places: Floats) -> Floats:
        over = np.abs(places) - np.array((width_m, height_m)) / 2
        return np.hypot(*np.moveaxis(np.maximum(over, 0), -1, 0)) + np.minimum(over.max(axis=-1), 0)

    return distance


def entered_of_100(
    random: np.random.Generator,
    distance: Distance,
    places: Floats,
    every_s: int,
    accuracy_m: float,
    radius_m: float,
) -> float:
    """`places`: one way per person, of shape (people, fixes, 2), in metres around the middle."""
    rules = FenceRules(dwell_s=180.0, retrigger_s=0.0, radius_m=radius_m)
    kept = math.exp(-every_s / 60)
    sigma_m = accuracy_m / math.sqrt(-2 * math.log(0.32))
    entered = 0
    for way in places:
        error = random.normal(0, sigma_m, 2)
        state, has_entered = DeviceState(), False
        for number, place in enumerate(way):
            fix = Fix(
                fix_id=str(number), at=1.8e9 + number * every_s, lat=0.0, lon=0.0, accuracy_m=accuracy_m
            )
            metres = float(distance((place + error)[None])[0])
            told = advance(state, fix, {1: metres}, lambda _: rules)
            has_entered = has_entered or any(crossing.kind == "enter" for crossing in told)
            error = kept * error + random.normal(0, sigma_m * math.sqrt(1 - kept**2), 2)
        entered += has_entered
    return 100 * entered / len(places)


def on_the_edge(random: np.random.Generator, shape: str, size: tuple[float, float], people: int) -> Floats:
    """Places `STANDOFF_M` outside, evenly along the edge."""
    if shape == "circle":
        turn = random.uniform(0, 2 * math.pi, people)
        return (size[0] + STANDOFF_M) * np.stack((np.cos(turn), np.sin(turn)), axis=1)
    around = (
        box(-size[0] / 2, -size[1] / 2, size[0] / 2, size[1] / 2).buffer(STANDOFF_M, quad_segs=64).exterior
    )
    points = [around.interpolate(one) for one in random.uniform(0, around.length, people)]
    return np.array([(point.x, point.y) for point in points])


CASES = [
    ("circle", (40.0, 40.0), circle(LON, LAT, 40.0), from_circle(40.0), 40.0),
    ("circle", (150.0, 150.0), circle(LON, LAT, 150.0), from_circle(150.0), 150.0),
    ("rectangle", (200.0, 60.0), rectangle(200, 60), from_rectangle(200, 60), math.sqrt(200 * 60 / math.pi)),
]  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("accuracy_m", ACCURACIES_M)
@pytest.mark.parametrize(("kind", "size", "shape", "distance", "radius_m"), CASES)
def test_a_prediction_holds_for_phones_of_another_simulation(
    kind: str, size: tuple[float, float], shape: Shape, distance: Distance, radius_m: float, accuracy_m: float
) -> None:
    (predicted,) = (trial for trial in try_phones(shape) if trial.accuracy_m == accuracy_m)
    random = np.random.default_rng([99, int(accuracy_m), int(radius_m)])

    outside = on_the_edge(random, kind, size, PEOPLE)
    staying = np.repeat(outside[:, None], 121, axis=1)
    stayed = entered_of_100(random, distance, staying, 30, accuracy_m, radius_m)
    assert stayed == about(predicted.false_enters_of_100_staying)

    # Straight past, square to the way from the nearest point of the edge.
    inner = np.clip(outside, -np.array(size) / 2, np.array(size) / 2) if kind == "rectangle" else 0 * outside
    outwards = (outside - inner) / np.hypot(*(outside - inner).T)[:, None]
    ahead = np.stack((-outwards[:, 1], outwards[:, 0]), axis=1)
    walked_m = np.arange(0, 300, 1.3 * 15) - 150 + random.uniform(0, 1.3 * 15, PEOPLE)[:, None]
    passing = outside[:, None] + walked_m[..., None] * ahead[:, None]
    passed = entered_of_100(random, distance, passing, 15, accuracy_m, radius_m)
    assert passed == about(predicted.false_enters_of_100_passing)

    across = random.uniform(-1, 1, (20 * PEOPLE, 2)) * (np.array(size) / (2 if kind == "rectangle" else 1))
    inside = across[distance(across) <= 0][:PEOPLE]
    visited = entered_of_100(
        random, distance, np.repeat(inside[:, None], 21, axis=1), 15, accuracy_m, radius_m
    )
    assert 100 - visited == about(predicted.missed_of_100_visiting)


def test_a_trial_is_the_same_each_time() -> None:
    ground = Ground(circle(LON, LAT, 50).polygon)
    assert run_trial(ground, 30.0, TRIED, SEED) == run_trial(ground, 30.0, TRIED, SEED)
    assert try_phones(circle(LON, LAT, 50))[1] == run_trial(ground, 30.0, TRIED, SEED)


def test_better_phones_make_fewer_mistakes() -> None:
    good, usual, bad = try_phones(circle(LON, LAT, 100))
    assert (
        good.false_enters_of_100_staying < usual.false_enters_of_100_staying < bad.false_enters_of_100_staying
    )
    assert good.missed_of_100_visiting < usual.missed_of_100_visiting < bad.missed_of_100_visiting


def test_people_outside_are_outside_and_visitors_inside_whatever_the_shape() -> None:
    ring = circle(LON, LAT, 200).polygon.difference(circle(LON, LAT, 150).polygon)
    apart = MultiPolygon([circle(LON, LAT, 30).polygon, circle(LON + 0.01, LAT, 30).polygon])
    sliver = rectangle(900, 1).polygon
    horseshoe = rectangle(300, 300).polygon.difference(
        shapely.transform(rectangle(200, 300).polygon, lambda one: one + np.array((0, 0.001)))
    )
    random = np.random.default_rng(5)
    for polygon in (ring, apart, sliver, horseshoe):
        assert isinstance(polygon, Polygon | MultiPolygon)
        ground = Ground(polygon)
        outside = ground.distances_m(ground.outside(random, 100))
        assert outside.min() > STANDOFF_M - 1
        nearest, ahead = ground.ways_past(random, 100)
        along = nearest + np.linspace(-150, 150, 61)[:, None, None] * ahead
        assert ground.distances_m(along).min() > STANDOFF_M - 1
        assert ground.distances_m(ground.inside(random, 100)).max() <= 0


def test_where_hardly_any_ground_is_found_its_middle_stands_in() -> None:
    thin = shapely.affinity.rotate(rectangle(3_000, 0.4).polygon, 40)
    places = Ground(thin).inside(np.random.default_rng(1), 200)
    assert places.shape == (200, 2)


def test_a_large_fence_of_many_corners_is_judged_within_a_second() -> None:
    turns = np.linspace(0, 2 * math.pi, 2_000)[:-1]
    wavy = (1 + 0.1 * np.sin(40 * turns)) * 0.1
    polygon = Polygon(np.column_stack((LON + 2 * wavy * np.cos(turns), LAT + wavy * np.sin(turns))))
    began = time.process_time()
    trials = try_phones(Shape(polygon=polygon))
    assert time.process_time() - began < 2.0  # the machine of a test is slow, and shared
    assert [type(trial) for trial in trials] == [Trial] * 3
