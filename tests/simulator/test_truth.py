"""True stays, on paths and fences whose answers can be worked out by hand."""

import numpy as np
import pytest
import shapely

from simulator.plane import Plane
from simulator.truth import FenceShape, Stay, Watch, flat_shapes, true_stays
from simulator.walks import Walk

PLANE = Plane(latitude=60.17, longitude=24.94)
# 100 m by 100 m.
SQUARE = shapely.box(0, -50, 100, 50)


def straight(from_x: float, to_x: float, speed_mps: float = 1.0) -> Walk:
    return Walk(
        seconds=np.array([0.0, abs(to_x - from_x) / speed_mps]),
        metres=np.array([[from_x, 0.0], [to_x, 0.0]]),
    )


def stays_of(walk: Walk, *shapes: shapely.Geometry, from_s: float = 0, until_s: float = 1000) -> list[Stay]:
    return true_stays([Watch(phone=3, walk=walk, from_s=from_s, until_s=until_s)], shapes)


def test_a_walk_through_a_fence_is_one_stay_between_its_edges() -> None:
    (stay,) = stays_of(straight(-200, 300), SQUARE)
    assert (stay.phone, stay.fence) == (3, 0)
    assert stay.enter_s == pytest.approx(200, abs=1)
    assert stay.exit_s == pytest.approx(300, abs=1)
    assert stay.is_deep
    assert not stay.goes_on


def test_a_walk_along_the_inside_of_an_edge_is_never_deep() -> None:
    (stay,) = stays_of(straight(-200, 300), shapely.box(0, -10, 100, 90))
    assert not stay.is_deep


def test_a_fence_that_is_only_passed_nearby_has_no_stay() -> None:
    assert stays_of(straight(-200, 300), shapely.box(0, 5, 100, 105)) == []


def test_a_phone_that_starts_inside_enters_at_its_first_fix() -> None:
    (stay,) = stays_of(straight(50, 300), SQUARE, from_s=12)
    assert stay.enter_s == 12
    assert stay.exit_s == pytest.approx(50, abs=1)


def test_a_stay_that_lasts_to_the_end_of_the_watch_has_no_exit() -> None:
    (stay,) = stays_of(straight(-100, 50), SQUARE, until_s=900)
    assert stay.goes_on
    assert (stay.exit_s, stay.watched_until_s) == (900, 900)


def test_what_happens_outside_the_watch_does_not_exist() -> None:
    assert stays_of(straight(-200, 300), SQUARE, from_s=320, until_s=500) == []
    (stay,) = stays_of(straight(-200, 300), SQUARE, from_s=250, until_s=270)
    assert (stay.enter_s, stay.exit_s, stay.goes_on) == (250, 270, True)


def test_a_long_stop_costs_two_samples_and_counts_in_full() -> None:
    walk = Walk(
        seconds=np.array([0.0, 100.0, 1900.0, 2000.0]),
        metres=np.array([[-50.0, 0.0], [50.0, 0.0], [50.0, 0.0], [-50.0, 0.0]]),
    )
    (stay,) = stays_of(walk, SQUARE, until_s=2000)
    assert stay.exit_s - stay.enter_s == pytest.approx(1900, abs=2)


def test_an_absence_between_two_stays_is_known_from_both_sides() -> None:
    there_and_back = Walk(
        seconds=np.array([0.0, 60.0, 120.0]), metres=np.array([[80.0, 0.0], [140.0, 0.0], [80.0, 0.0]])
    )
    first, second = stays_of(there_and_back, SQUARE, until_s=120)
    assert first.after == second.before
    assert first.after.seconds == pytest.approx(80, abs=2)
    assert first.after.was_far


def test_an_absence_that_never_leaves_the_edge_is_not_far() -> None:
    there_and_back = Walk(
        seconds=np.array([0.0, 30.0, 60.0]), metres=np.array([[80.0, 0.0], [110.0, 0.0], [80.0, 0.0]])
    )
    first, _ = stays_of(there_and_back, SQUARE, until_s=60)
    assert not first.after.was_far


def test_each_phone_and_fence_has_stays_of_its_own() -> None:
    watches = [Watch(phone, straight(-200, 300), 0, 500) for phone in (0, 1)]
    shapes = [SQUARE, shapely.box(150, -50, 250, 50)]
    found = {(stay.phone, stay.fence): stay.enter_s for stay in true_stays(watches, shapes)}
    assert found == {(0, 0): 200, (1, 0): 200, (0, 1): 350, (1, 1): 350}


def test_circles_become_polygons_with_64_corners_and_shapes_come_down_to_the_plane() -> None:
    centre = shapely.Point(24.94, 60.17)
    area = shapely.transform(shapely.box(-100, -100, 100, 100), PLANE.to_degrees)
    circle, box = flat_shapes([FenceShape(1, centre, 80), FenceShape(2, area)], PLANE)
    assert shapely.get_num_coordinates(circle) == 65
    assert shapely.bounds(circle).tolist() == pytest.approx([-80, -80, 80, 80])
    assert shapely.bounds(box).tolist() == pytest.approx([-100, -100, 100, 100])


def test_without_watches_or_fences_there_is_nothing_to_find() -> None:
    assert true_stays([], [SQUARE]) == []
    assert stays_of(straight(0, 10)) == []
