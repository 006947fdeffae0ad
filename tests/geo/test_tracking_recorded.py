"""Real tracks (../shared/data/gps) through the whole tracking, past invented fences along them.

There is no truth here but the tracks themselves; what can be asked is that nothing absurd happens: a stay
that is beyond doubt is told, nothing is told of where the track never was, nothing flaps.
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.crossings import FenceRules
from geo.fixes import Fix
from geo.sightings import METRES_PER_DEGREE
from geo.tracking import DeviceState, advance, judge

GPS = Path(__file__).parents[3] / "shared" / "data" / "gps"
UNSTATED_ACCURACY_M = 20.0
RADII_M = (60.0, 120.0)

Track = list[Fix]


class Visited(NamedTuple):
    """A fence, the track's distances to it (NaN where a fix was not believed), and what was told."""

    fixes: Track
    metres: NDArray[np.float64]
    told: list[tuple[str, float]]


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.replace("+00", "").strip())
    return moment.replace(tzinfo=UTC).timestamp()


def _fix(at: float, lat: str, lon: str, accuracy_m: float = 0.0) -> Fix:
    stated = accuracy_m or UNSTATED_ACCURACY_M
    return Fix(fix_id=f"{at}", at=at, lat=float(lat), lon=float(lon), accuracy_m=stated)


def phone_app() -> Iterable[Track]:
    with (GPS / "trackintel_posmo_trajectory.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    for row in rows:
        row["tracked_at"] = row["tracked_at"][:26]
    yield [
        _fix(_seconds(row["tracked_at"]), row["latitude"], row["longitude"], float(row["accuracy"]))
        for row in rows
    ]


def beijing() -> Iterable[Track]:
    tracks = defaultdict(list)
    with (GPS / "movingpandas_demodata_geolife.csv").open() as file:
        for row in csv.DictReader(file, delimiter=";"):
            tracks[row["trajectory_id"]].append(_fix(_seconds(row["t"]), row["Y"], row["X"]))
    yield from tracks.values()


def on_foot() -> Iterable[Track]:
    text = (GPS / "tracklib_20180131T121746.gpx").read_text()
    points = re.findall(r'<trkpt lat="([^"]+)" lon="([^"]+)">.*?<time>([^<]+)Z</time>', text, re.DOTALL)
    yield [_fix(_seconds(time), lat, lon) for lat, lon, time in points]


def _distances(track: Track, centre: Fix, radius_m: float) -> NDArray[np.float64]:
    places = np.array([(fix.lat, fix.lon) for fix in track])
    north = (places[:, 0] - centre.lat) * METRES_PER_DEGREE
    east = (places[:, 1] - centre.lon) * METRES_PER_DEGREE * math.cos(math.radians(centre.lat))
    return np.hypot(north, east) - radius_m


def visit(track: Track) -> list[Visited]:
    """Twenty fences along the track: circles around fixes of it, evenly spread over its time."""
    centres = [track[int(place)] for place in np.linspace(0, len(track) - 1, 20)]
    circles = [(centre, RADII_M[number % 2]) for number, centre in enumerate(centres)]
    metres = np.array([_distances(track, *circle) for circle in circles])
    rules = [FenceRules(180.0, 0.0, radius_m) for _, radius_m in circles]
    state = DeviceState()
    told = defaultdict(list)
    for position, fix in enumerate(track):
        verdict, _ = judge(state, fix, sent_at=fix.at, now=fix.at)
        if verdict != "accepted":
            metres[:, position] = np.nan
            continue
        distances = dict(enumerate(metres[:, position].tolist()))
        for crossing in advance(state, fix, distances, lambda fence_id: rules[fence_id]):
            told[crossing.fence_id].append((crossing.kind, crossing.at))
    return [Visited(track, row, told[number]) for number, row in enumerate(metres)]


@pytest.fixture(scope="module", params=[phone_app, beijing, on_foot])
def visited(request) -> list[Visited]:
    if not GPS.exists():
        pytest.skip("no recorded tracks: ../shared/data/gps is absent")
    return [fence for track in request.param() for fence in visit(track)]


def _stays(fence: Visited) -> list[tuple[float, float, float]]:
    """When the believed fixes lay inside without a break, from first to last, and how deep."""
    believed = [
        (fix.at, away) for fix, away in zip(fence.fixes, fence.metres, strict=True) if math.isfinite(away)
    ]
    stays: list[tuple[float, float, float]] = []
    was_inside = False
    for at, away in believed:
        if away <= 0 and was_inside:
            start, _, depth = stays[-1]
            stays[-1] = start, at, max(depth, -away)
        elif away <= 0:
            stays.append((at, at, -away))
        was_inside = away <= 0
    return stays


def _times(fence: Visited, kind: str) -> list[float]:
    return [at for told, at in fence.told if told == kind]


def test_most_fixes_of_a_real_track_are_believed(visited):
    believed = np.isfinite(visited[0].metres)
    assert believed.mean() > 0.9


def test_every_stay_beyond_doubt_is_told(visited):
    """A minute or more, 40 m deep, with twenty metres of accuracy: nobody could doubt it."""
    sure = [
        (fence, stay)
        for fence in visited
        for stay in _stays(fence)
        if stay[1] - stay[0] >= 60 and stay[2] >= 40
    ]
    assert len(sure) >= 4
    for fence, (start, end, _) in sure:
        spans = zip(_times(fence, "enter"), [*_times(fence, "exit"), math.inf], strict=False)
        assert any(enter <= end and exit_ >= start for enter, exit_ in spans)


def test_nothing_is_told_of_where_a_track_never_was(visited):
    for fence in visited:
        stays = _stays(fence)
        for enter in _times(fence, "enter"):
            assert any(start - 1 <= enter <= end + 1 for start, end, _ in stays)


def test_real_crossings_alternate_and_no_visit_is_told_more_often_than_it_happened(visited):
    for fence in visited:
        kinds = [kind for kind, _ in fence.told if kind != "dwell"]
        assert all(before != after for before, after in pairwise(["exit", *kinds]))
        assert kinds.count("enter") <= len(_stays(fence)) + _silences(fence)


def _silences(fence: Visited) -> int:
    """A phone silent for more than an hour inside may tell of one visit as two."""
    return sum(later.at - earlier.at > 3600 for earlier, later in pairwise(fence.fixes))


def test_a_real_phone_that_returns_had_been_clearly_away(visited):
    """No flaps: between an exit and the next enter of a fence, a fix lay well outside, or nobody looked."""
    for fence in visited:
        for (kind, left), (_, back) in pairwise([told for told in fence.told if told[0] != "dwell"]):
            if kind == "exit":
                away = [m for f, m in zip(fence.fixes, fence.metres, strict=True) if left <= f.at <= back]
                assert np.nanmax(away, initial=-math.inf) > 25 or back - left > 3600
