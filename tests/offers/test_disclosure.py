"""Which figures of a table may be told: small ones not, and none that subtraction would tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.disclosure import FEWEST, Hidden, Numbers, hide


def table(rows: list[list[int]]) -> Numbers:
    """Groups by periods with their sums, one column."""
    inner = np.array(rows, np.int64)[..., None]
    return with_sums(inner)


def with_sums(inner: Numbers) -> Numbers:
    whole = np.concatenate([inner, inner.sum(axis=1, keepdims=True)], axis=1)
    return whole if len(whole) == 1 else np.concatenate([whole, whole.sum(axis=0, keepdims=True)], axis=0)


def shown(numbers: Numbers, hidden: Hidden) -> list[list[int | None]]:
    return [
        [None if is_hidden else int(n) for n, is_hidden in zip(row, flags, strict=True)]
        for row, flags in zip(numbers[..., 0], hidden[..., 0], strict=True)
    ]


def test_what_is_large_enough_is_told() -> None:
    numbers = table([[10, 0, 25]])
    assert shown(numbers, hide(numbers)) == [[10, 0, 25, 35]]


def test_one_small_figure_hides_another_so_that_the_sum_does_not_tell_it() -> None:
    numbers = table([[3, 40, 60]])
    assert shown(numbers, hide(numbers)) == [[None, None, 60, 103]]


def test_small_figures_that_come_to_ten_hide_nothing_else() -> None:
    numbers = table([[4, 6, 60]])
    assert shown(numbers, hide(numbers)) == [[None, None, 60, 70]]


def test_small_figures_that_come_to_less_hide_the_smallest_other() -> None:
    numbers = table([[4, 5, 60, 11]])
    assert shown(numbers, hide(numbers)) == [[None, None, 60, None, 80]]


def test_where_nothing_else_is_there_the_sum_is_hidden() -> None:
    numbers = table([[4, 0, 0]])
    assert shown(numbers, hide(numbers)) == [[None, 0, 0, None]]


def test_what_is_hidden_in_one_direction_is_not_told_in_the_other() -> None:
    numbers = table([[3, 50, 60], [70, 80, 90]])
    found = shown(numbers, hide(numbers))
    assert found[0][0] is None
    assert sum(cell is None for cell in found[0]) >= 2
    assert sum(row[0] is None for row in found) >= 2


def test_many_of_few_people_are_hidden() -> None:
    numbers = table([[30, 40, 50]])
    people = np.array([[[3], [40], [-1], [60]]], np.int64)
    assert shown(numbers, hide(numbers, people=people)) == [[None, None, 50, 120]]


def test_parts_of_a_column_do_not_tell_each_other() -> None:
    # A hundred were considered: 60 delivered, 3 without consent, 37 outranked.
    numbers = with_sums(np.array([[[100, 60, 3, 37]]], np.int64))
    hidden = hide(numbers, sums=[[0, 1, 2, 3]])
    assert hidden[0, 0].tolist() == [False, False, True, True]


def test_what_is_precious_is_hidden_last() -> None:
    numbers = with_sums(np.array([[[53, 20, 3, 30]]], np.int64))
    sums = [[0, 1, 2, 3]]
    assert hide(numbers, sums=sums)[0, 0].tolist() == [False, True, True, False]
    assert hide(numbers, sums=sums, precious=[1])[0, 0].tolist() == [False, False, True, True]


def lines(numbers: Numbers, hidden: Hidden, sums: list[list[int]]) -> Iterator[tuple[Numbers, Hidden]]:
    """Every equation of a table: parts, then their sum."""
    for group in range(numbers.shape[0]):
        for column in range(numbers.shape[2]):
            yield numbers[group, :, column], hidden[group, :, column]
        for period in range(numbers.shape[1]):
            for total, *parts in sums:
                yield numbers[group, period, [*parts, total]], hidden[group, period, [*parts, total]]
    if len(numbers) > 1:
        for period in range(numbers.shape[1]):
            for column in range(numbers.shape[2]):
                yield numbers[:, period, column], hidden[:, period, column]


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.sampled_from([0, 0, 1, 2, 5, 9, 10, 11, 30, 200]), min_size=48, max_size=48),
)
def test_no_equation_of_any_table_tells_a_hidden_number(groups: int, periods: int, values: list[int]) -> None:
    parts = np.array(values[: groups * periods * 3], np.int64).reshape(groups, periods, 3)
    numbers = with_sums(np.concatenate([parts.sum(axis=-1, keepdims=True), parts], axis=-1))
    sums = [[0, 1, 2, 3]]
    hidden = hide(numbers, sums=sums)

    assert not (hidden & (numbers == 0)).any()
    assert hidden[(numbers > 0) & (numbers < FEWEST)].all()
    for line, flags in lines(numbers, hidden, sums):
        assert flags.sum() != 1
        if flags.any() and not flags[-1]:
            assert line[:-1][flags[:-1]].sum() >= FEWEST


def test_a_table_of_nothing_hides_nothing() -> None:
    assert not hide(np.zeros((1, 1, 3), np.int64), sums=[[0, 1, 2]]).any()


@pytest.mark.parametrize("groups", [1, 3])
def test_a_table_without_small_figures_hides_nothing(groups: int) -> None:
    numbers = with_sums(np.full((groups, 5, 1), 10, np.int64))
    assert not hide(numbers).any()
