"""Lift: intervals as published, balance as other programs say, and nothing of small groups."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offers.lift import (
    Arm,
    difference_of,
    lift_of,
    ratio_of,
    share_p_value,
    size_balance,
    visit_balance,
    wilson,
)


def arm(returned: int, people: int, **more: int) -> Arm:
    return Arm(people=people, returned=returned, **more)


# R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3 (score).
@pytest.mark.parametrize(
    ("successes", "people", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_one_proportion_has_the_published_interval(
    successes: int, people: int, low: float, high: float
) -> None:
    assert wilson(successes, people) == pytest.approx((low, high), abs=5e-5)


# The same, 873-890, table II, method 10 (hybrid score).
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_a_difference_has_the_published_interval(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference_of(arm(*one), arm(*other))
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_ratio_of_many_has_the_interval_of_its_logarithm() -> None:
    one, other = arm(600, 5000), arm(500, 5000)
    error = math.sqrt(1 / 600 - 1 / 5000 + 1 / 500 - 1 / 5000)  # Katz and others 1978
    found = ratio_of(one, other)
    assert found is not None
    assert found.value == pytest.approx(1.2)
    expected = (1.2 * math.exp(-1.96 * error), 1.2 * math.exp(1.96 * error))
    assert (found.low, found.high) == pytest.approx(expected, rel=2e-3)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    draws = np.random.default_rng(7)
    hits = {"difference": 0, "ratio": 0}
    tries = 4000
    for _ in range(tries):
        one = arm(int(draws.binomial(900, 0.12)), 900)
        other = arm(int(draws.binomial(120, 0.08)), 120)
        found = lift_of(one, other)
        assert found is not None
        hits["difference"] += found.difference.low <= 0.04 <= found.difference.high
        ratio = found.ratio
        hits["ratio"] += ratio is None or (ratio.high is None or ratio.low <= 1.5 <= ratio.high)
    assert 0.935 < hits["difference"] / tries < 0.975
    assert 0.935 < hits["ratio"] / tries < 0.985


def test_nobody_of_those_held_out_returned_and_so_there_is_no_ratio() -> None:
    found = lift_of(arm(7, 200), arm(0, 200))
    assert found is not None
    assert found.ratio is None
    assert found.difference.value == pytest.approx(0.035)


def test_nobody_at_all_who_was_treated_returned() -> None:
    found = ratio_of(arm(0, 200), arm(9, 200))
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high is not None
    assert 0 < found.high < 1


def test_everybody_returned() -> None:
    found = ratio_of(arm(200, 200), arm(200, 200))
    assert found is not None
    assert found.low < 1 < (found.high or 0)


@pytest.mark.parametrize(("treated", "held_out"), [(99, 5000), (5000, 99)])
def test_below_a_hundred_in_either_group_there_is_no_lift(treated: int, held_out: int) -> None:
    assert lift_of(arm(9, treated), arm(9, held_out)) is None
    assert lift_of(arm(9, max(treated, 100)), arm(9, max(held_out, 100))) is not None


def test_the_share_of_mendels_peas_is_as_likely_as_other_programs_say() -> None:
    # binom.test(682, 925, p = 0.75) of R, after Conover 1971: 0.3825
    assert share_p_value(682, 925, 0.75) == pytest.approx(0.3825, abs=5e-5)


def test_a_share_of_very_many_is_judged_by_its_normal_limit() -> None:
    exact = share_p_value(540, 10_000, 0.05)
    beyond = share_p_value(540, 10_001, 0.05)
    assert beyond == pytest.approx(exact, rel=0.1)
    assert share_p_value(5_000, 100_000, 0.05) == 1.0


def test_a_fair_draw_is_balanced_and_an_odd_one_is_not() -> None:
    fair, odd = size_balance(arm(0, 905), arm(0, 95), 10), size_balance(arm(0, 950), arm(0, 50), 10)
    assert (fair.is_unbalanced, odd.is_unbalanced) == (False, True)
    assert (odd.expected_share, odd.held_out_share) == (0.1, 0.05)
    assert odd.p_value is not None
    assert odd.p_value < 0.001


def test_groups_that_came_as_often_before_are_balanced() -> None:
    # Of 400 one visit each by a quarter; of 200 by a quarter, too.
    found = visit_balance(
        arm(0, 400, visits_before=100, visits_before_squared=100),
        arm(0, 200, visits_before=50, visits_before_squared=50),
    )
    assert (found.treated_mean, found.held_out_mean, found.standardised_difference) == (0.25, 0.25, 0.0)
    assert (found.p_value, found.is_unbalanced) == (1.0, False)


def test_a_group_that_came_more_often_before_is_unbalanced() -> None:
    found = visit_balance(
        arm(0, 400, visits_before=200, visits_before_squared=200),
        arm(0, 200, visits_before=50, visits_before_squared=50),
    )
    deviation = math.sqrt((400 * 0.25 / 399 + 200 * 0.1875 / 199) / 2)
    assert found.standardised_difference == pytest.approx(0.25 / deviation)
    z = 0.25 / math.sqrt(0.25 / 399 + 0.1875 / 199)
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert found.is_unbalanced


def test_where_nobody_came_before_there_is_nothing_to_compare() -> None:
    found = visit_balance(arm(0, 400), arm(0, 200))
    assert (found.p_value, found.standardised_difference, found.is_unbalanced) == (None, 0.0, False)
