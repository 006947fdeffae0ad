"""Numbers of people are told so that nobody can be singled out, and are right on average."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.crowds import SMALLEST_CROWD, STEP, at_most, tell_crowd

NUMBERS = st.integers(0, 100_000)
QUESTIONS = st.tuples(st.text(), st.integers())


@given(NUMBERS, st.text(), QUESTIONS)
def test_fewer_than_ten_are_never_told_and_others_in_tens(number, salt, asked) -> None:
    told = tell_crowd(number, salt, *asked)
    if told is None:
        assert number < SMALLEST_CROWD + 5
    else:
        assert number >= SMALLEST_CROWD
        assert told >= SMALLEST_CROWD
        assert told % STEP == 0
        assert abs(told - number) < STEP


@given(NUMBERS, st.text(), QUESTIONS)
def test_the_same_question_is_answered_the_same(number, salt, asked) -> None:
    assert tell_crowd(number, salt, *asked) == tell_crowd(number, salt, *asked)


@given(NUMBERS, st.text(), QUESTIONS)
def test_more_people_are_never_told_as_fewer(number, salt, asked) -> None:
    assert (tell_crowd(number + 1, salt, *asked) or 0) >= (tell_crowd(number, salt, *asked) or 0)


def test_numbers_are_right_on_average() -> None:
    for number in (15, 23, 104):
        told = [tell_crowd(number, "salt", asked) for asked in range(4_000)]
        assert None not in told
        assert mean(one or 0 for one in told) == pytest.approx(number, abs=0.4)


def test_a_difference_between_two_questions_says_next_to_nothing_of_one_person() -> None:
    """With plain rounding, 19 and 20 people would be told apart without fail."""
    without = [tell_crowd(19, "salt", "without", asked) for asked in range(2_000)]
    with_them = [tell_crowd(20, "salt", "with", asked) for asked in range(2_000)]
    larger = mean(one > other for one, other in zip(with_them, without, strict=True))  # type: ignore[operator]
    assert larger == pytest.approx(0.1, abs=0.03)
    without = [tell_crowd(14, "salt", "without", asked) for asked in range(4_000)]
    with_them = [tell_crowd(15, "salt", "with", asked) for asked in range(4_000)]
    assert mean(one == 20 for one in with_them) - mean(one == 20 for one in without) == pytest.approx(
        0.1, abs=0.04
    )


def test_where_telling_begins_is_drawn_too() -> None:
    for number in range(SMALLEST_CROWD, SMALLEST_CROWD + 4):
        told = {tell_crowd(number, "salt", asked) is None for asked in range(200)}
        assert told == {True, False}


def test_a_part_is_not_told_as_more_than_its_whole() -> None:
    assert at_most(30, 20) == 20
    assert at_most(10, 20) == 10
    assert at_most(10, None) is None
    assert at_most(None, 20) is None
