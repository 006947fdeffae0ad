"""What a fence owes word of, and what becomes of word about fences that nobody knows."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import cast

import pytest

from simulator.client import Api
from simulator.journal import Journal
from simulator.judging import is_told_again
from simulator.score import Claim, score
from simulator.truth import ALWAYS_AWAY, Absence, Stay
from simulator.world import World

FIRST = Stay(1, 0, 100, 400, True, False, 3600, ALWAYS_AWAY, ALWAYS_AWAY)
AGAIN = replace(FIRST, enter_s=500, exit_s=900, before=Absence(100, was_far=True))


def test_a_first_visit_is_owed_word_of_whatever_the_re_trigger_time() -> None:
    assert is_told_again(FIRST, [], 600)
    assert is_told_again(FIRST, [110, 510], 600)


@pytest.mark.parametrize(("retrigger_s", "expected"), [(0, True), (389, True), (390, True), (391, False)])
def test_a_return_is_excused_only_within_the_re_trigger_time_of_the_last_told_enter(
    retrigger_s: float, expected: bool
) -> None:
    assert is_told_again(AGAIN, [110], retrigger_s) is expected


def test_a_return_is_owed_word_of_where_no_earlier_visit_was_told() -> None:
    assert is_told_again(AGAIN, [], 86_400)
    assert is_told_again(AGAIN, [505], 86_400)  # that is word of the return itself


def test_word_of_an_unknown_fence_is_a_false_positive_and_each_has_a_number() -> None:
    world = World(
        api=cast("Api", None),
        journal=Journal(count()),
        start=datetime(2026, 11, 19, 10, tzinfo=UTC),
        tills={},
        offers={},
        fence_numbers={70: 0, 71: 1},
    )
    assert [world.fence_number(fence_id) for fence_id in (71, 999, 998, 999, 70)] == [1, 2, 3, 2, 0]
    told = [Claim(1, world.fence_number(999), "enter", 100)]
    assert score([FIRST], told)["enter"].extra == 1
