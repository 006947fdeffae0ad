"""Scores with matches that are known beforehand."""

import pytest

from simulator.score import Claim, Kind, Moment, Score, is_a_clear_change, match, score
from simulator.truth import ALWAYS_AWAY, Absence, Stay


def stay(
    enter_s: float,
    exit_s: float,
    *,
    phone: int = 1,
    fence: int = 1,
    is_deep: bool = True,
    goes_on: bool = False,
    until_s: float = 3600,
    before: Absence = ALWAYS_AWAY,
    after: Absence = ALWAYS_AWAY,
) -> Stay:
    return Stay(phone, fence, enter_s, exit_s, is_deep, goes_on, until_s, before, after)


def claim(kind: Kind, at_s: float, *, phone: int = 1, fence: int = 1) -> Claim:
    return Claim(phone, fence, kind, at_s)


def counts(result: Score) -> tuple[int, int, int, int]:
    return result.found, result.missed, result.extra, result.tolerated


def test_a_stay_whose_enter_and_exit_are_told_is_a_perfect_score() -> None:
    result = score([stay(100, 400)], [claim("enter", 130), claim("exit", 440)])
    assert [counts(result[kind]) for kind in ("enter", "exit")] == [(1, 0, 0, 0), (1, 0, 0, 0)]
    assert result["enter"].f1 == result["exit"].f1 == 1
    assert (result["enter"].delay_s, result["exit"].delay_s) == (30, 40)


def test_a_long_deep_stay_that_nobody_told_of_is_missed() -> None:
    result = score([stay(100, 400)], [])
    assert counts(result["enter"]) == (0, 1, 0, 0)
    assert (result["enter"].precision, result["enter"].recall, result["enter"].f1) == (0, 0, 0)


def test_a_told_crossing_that_never_happened_is_extra() -> None:
    result = score([], [claim("enter", 100)])
    assert counts(result["enter"]) == (0, 0, 1, 0)
    assert (result["enter"].precision, result["enter"].recall) == (0, 0)


def test_precision_recall_and_f1_are_those_of_the_textbook() -> None:
    # 6 found, 2 missed, 4 extra: precision 0.6, recall 0.75, F1 = 2 * 0.45 / 1.35 = 2/3.
    result = Score(found=6, missed=2, extra=4, tolerated=9, delay_s=None)
    assert result.precision == pytest.approx(0.6)
    assert result.recall == pytest.approx(0.75)
    assert result.f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize("shape", [stay(100, 159), stay(100, 400, is_deep=False)])
def test_a_short_or_shallow_stay_may_be_told_or_not(shape: Stay) -> None:
    assert counts(score([shape], [])["enter"]) == (0, 0, 0, 0)
    assert counts(score([shape], [claim("enter", 110)])["enter"]) == (0, 0, 0, 1)


def test_a_stay_of_exactly_a_minute_is_due() -> None:
    assert counts(score([stay(100, 160)], [])["enter"]) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    ("at_s", "expected"), [(175, (1, 0, 0, 0)), (25, (1, 0, 0, 0)), (175.1, (0, 1, 1, 0))]
)
def test_a_match_needs_75_seconds_or_less(at_s: float, expected: tuple[int, int, int, int]) -> None:
    assert counts(score([stay(100, 400)], [claim("enter", at_s)])["enter"]) == expected


def test_one_true_crossing_matches_only_one_report() -> None:
    result = score([stay(100, 400)], [claim("enter", 100), claim("enter", 115)])
    assert counts(result["enter"]) == (1, 0, 1, 0)


def test_a_report_for_another_phone_fence_or_kind_matches_nothing() -> None:
    told = [claim("enter", 100, phone=2), claim("enter", 100, fence=2), claim("exit", 100)]
    result = score([stay(100, 400)], told)
    assert counts(result["enter"]) == (0, 1, 2, 0)
    assert counts(result["exit"]) == (0, 1, 1, 0)


def test_the_end_of_a_watch_is_no_exit() -> None:
    result = score([stay(100, 3600, goes_on=True)], [claim("enter", 100), claim("exit", 3590)])
    assert counts(result["enter"]) == (1, 0, 0, 0)
    assert counts(result["exit"]) == (0, 0, 1, 0)


def test_an_exit_that_could_be_confirmed_only_after_the_end_may_be_told_or_not() -> None:
    late = stay(100, 3550, until_s=3600)
    assert counts(score([late], [])["exit"]) == (0, 0, 0, 0)
    assert counts(score([late], [claim("exit", 3590)])["exit"]) == (0, 0, 0, 1)


def test_the_stricter_reading_asks_only_for_changes_that_are_clear_on_both_sides() -> None:
    brief = Absence(seconds=20, was_far=True)
    near = Absence(seconds=600, was_far=False)
    stays = [stay(100, 400, after=brief), stay(420, 900, before=brief, after=near)]
    as_it_stands, clear = score(stays, []), score(stays, [], is_a_clear_change)
    assert (as_it_stands["enter"].missed, as_it_stands["exit"].missed) == (2, 2)
    assert (clear["enter"].missed, clear["exit"].missed) == (1, 0)


def test_a_due_moment_is_preferred_where_a_report_could_be_either() -> None:
    true = [Moment(0, False), Moment(70, True)]
    assert match(true, [5]) == [(1, 0)]


def test_matching_finds_both_where_a_greedy_choice_would_lose_one() -> None:
    true = [Moment(0, False), Moment(70, True)]
    assert match(true, [0, 80]) == [(0, 0), (1, 1)]


def test_among_equal_matchings_the_nearest_wins() -> None:
    assert match([Moment(100, True)], [60, 105, 150]) == [(0, 1)]
