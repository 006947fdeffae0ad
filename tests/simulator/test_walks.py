"""True paths through a small invented town."""

from pathlib import Path

import numpy as np
import pytest

from simulator.streets import Streets, read_streets
from simulator.walks import FASTEST_MPS, LONGEST_STOP_S, SHORTEST_STOP_S, SLOWEST_MPS, Walk, Walker, standing

HOUR_S = 3600.0


@pytest.fixture(scope="module")
def town(town_file: Path) -> Streets:
    return read_streets(town_file)


@pytest.fixture(scope="module")
def walker(town: Streets) -> Walker:
    stops = town.metres[::7] + np.array([11.0, 6.0])
    return Walker(town, stops)


def walks(walker: Walker, seed: int) -> list[Walk]:
    return [walker.walk(rng, HOUR_S) for rng in np.random.default_rng(seed).spawn(30)]


def test_people_walk_at_a_human_pace_and_never_jump(walker: Walker) -> None:
    for walk in walks(walker, 1):
        lengths_m = np.hypot(*np.diff(walk.metres, axis=0).T)
        speeds_mps = lengths_m / np.diff(walk.seconds)
        moving = speeds_mps > 0
        assert (speeds_mps[moving] >= SLOWEST_MPS - 1e-6).all()
        assert (speeds_mps[moving] <= FASTEST_MPS + 1e-6).all()


def test_people_stop_for_five_to_thirty_minutes_at_a_stop(walker: Walker) -> None:
    for walk in walks(walker, 2):
        still = np.flatnonzero(np.hypot(*np.diff(walk.metres, axis=0).T) == 0)
        durations_s = np.diff(walk.seconds)[still]
        is_first = walk.seconds[still] == 0  # some are in the middle of a stop when the run begins
        assert (durations_s <= LONGEST_STOP_S).all()
        assert (durations_s[~is_first] >= SHORTEST_STOP_S).all()
        away_m = [np.hypot(*(walker.stops - walk.metres[corner]).T).min() for corner in still]
        assert max(away_m) < 1e-9


def test_a_walk_lasts_as_long_as_it_was_asked_to(walker: Walker) -> None:
    assert all(walk.seconds[-1] >= HOUR_S for walk in walks(walker, 3))


def test_the_same_seed_gives_the_same_walks_and_another_seed_others(walker: Walker) -> None:
    first, again, other = walks(walker, 4), walks(walker, 4), walks(walker, 5)
    assert all(np.array_equal(a.metres, b.metres) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a.seconds, b.seconds) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a.seconds, b.seconds) for a, b in zip(first, other, strict=True))


def test_a_position_between_two_corners_lies_on_the_line_between_them() -> None:
    walk = Walk(seconds=np.array([0.0, 10.0, 70.0]), metres=np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 0.0]]))
    assert walk.at(np.array([-5.0, 2.5, 30.0, 900.0])).tolist() == [[0, 0], [2.5, 0], [10, 0], [10, 0]]
    assert walk.speeds_mps(np.array([2.5, 30.0, 900.0])).tolist() == [1.0, 0.0, 0.0]


def test_a_phone_left_at_home_stands_still() -> None:
    home = standing(np.array([3.0, 4.0]))
    assert home.at(np.array([0.0, 1800.0])).tolist() == [[3, 4], [3, 4]]
    assert home.speeds_mps(np.array([1800.0])).tolist() == [0.0]
