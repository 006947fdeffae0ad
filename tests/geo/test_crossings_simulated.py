"""The crossing rules against simulated phones whose truth is known: the judge of every margin in them.

Both simulations are this area's own: they share nothing with `simulator`, which scores the whole server.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.geo.walking_city import Tally, score, simulate

ROOT = Path(__file__).parents[2]
FLAPS_PER_PHONE_HOUR = {"10": 0.02, "30": 0.02, "65": 0.1}
PHONES = 4000


@pytest.fixture(scope="module")
def still_phones() -> dict[str, dict[str, dict[str, float]]]:
    """By accuracy and shape; in processes of their own, side by side, which no coverage slows down."""
    command = [sys.executable, "-m", "tests.geo.still_phones", "--phones", str(PHONES), "--accuracy"]
    running = [
        subprocess.Popen([*command, accuracy], cwd=ROOT, stdout=subprocess.PIPE)
        for accuracy in FLAPS_PER_PHONE_HOUR
    ]
    measured = {}
    for process in running:
        printed, _ = process.communicate()
        assert process.returncode == 0
        measured |= json.loads(printed)
    return measured


@pytest.mark.timeout(400)
@pytest.mark.parametrize("shape", ["straight", "circle"])
@pytest.mark.parametrize("accuracy", FLAPS_PER_PHONE_HOUR)
def test_phones_lying_still_near_an_edge_hardly_ever_flap(still_phones, accuracy, shape):
    """Counted strictly: a first enter that comes late is no better than a flap to who gets the offer."""
    measured = still_phones[accuracy][shape]
    assert measured["flaps"] + measured["late_enters"] <= FLAPS_PER_PHONE_HOUR[accuracy]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("shape", ["straight", "circle"])
@pytest.mark.parametrize("accuracy", FLAPS_PER_PHONE_HOUR)
def test_every_real_departure_is_reported_once(still_phones, accuracy, shape):
    measured = still_phones[accuracy][shape]
    at_least_20_m_inside = PHONES / 2 * 80 / 200
    assert measured["visits"] >= at_least_20_m_inside
    assert measured["unreported"] == 0


@pytest.mark.timeout(300)
def test_a_walking_citys_enters_and_exits_are_found():
    tallies = simulate(seed=1, phones=60, hours=1.0)
    assert tallies["enter"].found > 1000
    assert tallies["enter"].f1 >= 0.93
    assert tallies["exit"].f1 >= 0.90


def test_the_walking_citys_score_bites():
    """Stays that are never claimed are missed, claims without a stay are extra."""
    true_m = np.where((np.arange(1000) >= 300) & (np.arange(1000) < 500), -20.0, 50.0)
    tally = Tally()
    score("enter", true_m, [310.0, 340.0, 800.0], tally)
    assert tally == Tally(found=1, missed=0, extra=2)
    score("exit", true_m, [300.0], tally)
    assert tally == Tally(found=1, missed=1, extra=3)
