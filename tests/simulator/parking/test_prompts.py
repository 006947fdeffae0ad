"""What drivers are asked, against where cars stopped: due, found, tolerated, and wrong."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.journal import Asked, Change, Grant, Journal, Span
from simulator.parking.outings import Parked
from simulator.parking.prompts import PromptScore, Ridden, score_prompts
from simulator.parking.zones import Zones
from simulator.tracks import Track
from simulator.walks import Walk
from simulator.watching import SentFix
from tests.simulator.parking.conftest import MakeZone

NOON = datetime(2026, 11, 26, 10, tzinfo=UTC)  # a Thursday, noon in Helsinki
ANN = "ann"
INSIDE, AT_THE_EDGE, OUTSIDE, FAR = -50.0, 10.0, 40.0, 500.0


class Drive:
    """Ann drives, stops at `x_m` after five minutes, and goes on after twenty. The zone is west of 0."""

    def __init__(self, zones: Zones, x_m: float = INSIDE, stays_s: float = 900.0) -> None:
        self.zones = zones
        self.journal = Journal()
        self.parked = (Parked(300.0, 300.0 + stays_s, np.array([x_m, 0.0])),)
        self.duration_s = 1800.0
        self.paid_for: list[tuple[str, int]] = []
        self.consents()

    def consents(self, *, granted: bool = True) -> None:
        span = Span(next(self.journal.order), next(self.journal.order))
        history = self.journal.consent(ANN, Grant("location_parking"))
        history.changes.append(Change(granted, span.sent, span.answered))

    def is_asked(self, at_s: float, zone_id: int = 5) -> None:
        order = self.journal.order
        number = len(self.journal.asked)
        at, span = NOON + timedelta(seconds=at_s), Span(next(order), next(order))
        self.journal.asked[f"p{number}"] = Asked(f"p{number}", ANN, "pay", (zone_id,), None, at, span)

    def score(self) -> PromptScore:
        seconds: NDArray[np.float64] = np.arange(0, self.duration_s, 15.0)
        fixes, order = len(seconds), self.journal.order
        track = Track(
            Walk(np.array([0.0]), np.zeros((1, 2))),
            seconds,
            np.zeros((fixes, 2)),
            np.full(fixes, 10.0),
            np.zeros(fixes),
            self.parked,
        )
        sent = [SentFix(n, Span(next(order), next(order)), "accepted") for n in range(fixes)]
        return score_prompts(
            [Ridden(ANN, track, sent, self.duration_s)], self.zones, self.journal, NOON, self.paid_for
        )


def test_a_stop_in_a_paid_zone_that_was_asked_about_is_found(zones: Zones) -> None:
    drive = Drive(zones)
    drive.is_asked(420)
    score = drive.score()
    assert (score.asked, score.due, score.found, score.wrong) == (1, 1, 1, 0)
    assert (score.precision, score.recall) == (1.0, 1.0)


def test_a_stop_that_nobody_asked_about_is_missed(zones: Zones) -> None:
    score = Drive(zones).score()
    assert (score.due, score.found, score.recall) == (1, 0, 0.0)


@pytest.mark.parametrize(("at_s", "on_foot"), [(299, 0), (601, 1), (1300, 0)])
def test_a_question_on_the_road_or_long_after_the_stop_is_wrong(
    zones: Zones, at_s: float, on_foot: int
) -> None:
    drive = Drive(zones)
    drive.is_asked(at_s)
    score = drive.score()
    assert (score.found, score.wrong, score.pedestrians_asked) == (0, 1, on_foot)


def test_a_question_to_somebody_without_a_car_is_wrong(zones: Zones) -> None:
    drive = Drive(zones)
    drive.parked = ()
    drive.is_asked(420)
    score = drive.score()
    assert (score.due, score.wrong, score.pedestrians_asked) == (0, 1, 1)


def test_a_question_about_another_zone_is_wrong_but_asked_of_a_driver(zones: Zones) -> None:
    drive = Drive(zones)
    drive.is_asked(420, zone_id=99)
    score = drive.score()
    assert (score.found, score.wrong, score.pedestrians_asked) == (0, 1, 0)


def test_a_question_on_the_other_side_of_the_edge_is_tolerated_and_not_due(zones: Zones) -> None:
    drive = Drive(zones, AT_THE_EDGE)
    drive.is_asked(420)
    score = drive.score()
    assert (score.due, score.wrong) == (0, 0)


@pytest.mark.parametrize("x_m", [OUTSIDE, FAR])
def test_a_question_where_there_is_no_zone_is_wrong(zones: Zones, x_m: float) -> None:
    drive = Drive(zones, x_m)
    drive.is_asked(420)
    assert drive.score().wrong == 1


def test_a_question_in_free_hours_is_wrong_unless_the_paid_ones_are_near(make_zone: MakeZone) -> None:
    for hours, wrong in (("Mo-Fr 14:00-18:00", 1), ("Mo-Fr 12:15-18:00", 0), ("PH off", 0)):
        drive = Drive(Zones((make_zone((-1000, -1000, 0, 1000), hours),)))
        drive.is_asked(420)
        score = drive.score()
        assert (score.due, score.wrong) == (0, wrong)


def test_a_short_stop_need_not_be_noticed(zones: Zones) -> None:
    assert Drive(zones, stays_s=120).score().due == 0


def test_nothing_is_due_without_consent_or_while_it_changes(zones: Zones) -> None:
    drive = Drive(zones)
    drive.consents(granted=False)
    assert drive.score().due == 0
    drive = Drive(zones)
    history = drive.journal.consent(ANN, Grant("location_parking"))
    history.changes.append(Change(False, next(drive.journal.order), None))
    assert drive.score().due == 0


def test_nothing_is_due_that_the_run_ended_before(zones: Zones) -> None:
    drive = Drive(zones)
    drive.duration_s = 500.0
    assert drive.score().due == 0


def test_who_has_paid_by_then_need_not_be_asked(zones: Zones) -> None:
    drive = Drive(zones)
    drive.paid_for = [(ANN, 5)]
    assert drive.score().due == 0


def test_one_zone_is_asked_about_once_in_half_an_hour(zones: Zones) -> None:
    drive = Drive(zones)
    drive.is_asked(100)
    assert drive.score().due == 0


def test_where_zones_overlap_no_question_is_due_and_either_is_right(make_zone: MakeZone) -> None:
    both = Zones(tuple(make_zone((-1000, -1000, 0, 1000), zone_id=n) for n in (5, 6)))
    drive = Drive(both)
    drive.is_asked(420, zone_id=6)
    score = drive.score()
    assert (score.due, score.wrong) == (0, 0)


def test_a_run_without_questions_has_no_precision() -> None:
    assert (PromptScore().precision, PromptScore().recall) == (0.0, 0.0)
