"""Visits are stays told apart by four hours; the one under way is not an earlier one."""

from datetime import timedelta

import pytest

from offers.visits import days_since, visits_before
from tests.offers.invented import NOON

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours_ago", "visits_ago"),
    [
        ([], []),
        ([24], [24]),
        ([24, 22, 19], [24]),
        ([30, 24], [30, 24]),
        ([4.01], [4.01]),
        ([4], []),
        ([3.9], []),
        ([24, 0], [24]),
        ([7, 5, 2], []),
        ([22, 24, 30], [30, 24]),
        ([90 * 24, 24], [90 * 24, 24]),
        ([90 * 24 + 0.01, 24], [24]),
    ],
)
def test_stays_within_four_hours_are_one_visit_and_the_present_one_does_not_count(
    hours_ago: list[float], visits_ago: list[float]
) -> None:
    stays = [NOON - hours * HOUR for hours in hours_ago]
    assert visits_before(stays, NOON) == [NOON - hours * HOUR for hours in visits_ago]


def test_stays_after_the_moment_asked_about_are_no_visits_before_it() -> None:
    assert visits_before([NOON - 24 * HOUR, NOON + HOUR], NOON) == [NOON - 24 * HOUR]


def test_days_are_full_ones() -> None:
    assert days_since(NOON - 47 * HOUR, NOON) == 1
    assert days_since(NOON - 48 * HOUR, NOON) == 2
