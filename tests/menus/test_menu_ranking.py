"""In which order menus around come: minutes of walking, waiting and hurrying, less for what is liked."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from offers.menus.ranking import (
    DETOUR,
    METRES_PER_MINUTE,
    Candidate,
    cost_min,
    ranked,
    tastes_of,
    walk_m,
    whole_walk_min,
)

NOW = datetime(2026, 6, 4, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

distances = st.floats(0, 20_000)
minutes = st.none() | st.integers(-30, 4_000)


def menu(menu_id: int = 1, distance_m: float = 0.0, **more: object) -> Candidate:
    return Candidate(menu_id=menu_id, distance_m=distance_m, **{"open_now": True, **more})


def at(offset_min: int | None) -> datetime | None:
    return None if offset_min is None else NOW + offset_min * MINUTE


@st.composite
def candidates(draw: st.DrawFn, menu_id: int = 1) -> Candidate:
    """A menu in a state that there is: open until some time, closed until some time, or not known."""
    open_now = draw(st.sampled_from([True, False, None]))
    return Candidate(
        menu_id=menu_id,
        distance_m=draw(distances),
        cuisines=draw(st.frozensets(st.sampled_from(["french", "sushi", "pizza"]))),
        open_now=open_now,
        closes_at=at(draw(minutes)) if open_now else None,
        opens_at=at(draw(minutes)) if open_now is False else None,
    )


tables = st.lists(st.integers(1, 10**6), max_size=12, unique=True).flatmap(
    lambda ids: st.tuples(*(candidates(one) for one in ids))
)
tastes = st.frozensets(st.sampled_from(["french", "sushi", "korean"]))


def order(*menus: Candidate, likes: frozenset[str] = frozenset()) -> list[int]:
    return [one.menu_id for one in ranked(menus, NOW, likes)]


@given(candidates(), distances, tastes)
def test_nearer_is_never_worse(one: Candidate, distance_m: float, likes: frozenset[str]) -> None:
    nearer, farther = sorted([one.distance_m, distance_m])
    costs = [
        cost_min(msgspec.structs.replace(one, distance_m=metres), NOW, likes) for metres in (nearer, farther)
    ]
    assert costs[0] <= costs[1] + 1e-6


@given(distances, st.integers(1, 4_000), st.integers(0, 4_000))
def test_more_time_left_is_never_worse(distance_m: float, left: int, more: int) -> None:
    short, long = (menu(distance_m=distance_m, closes_at=at(one)) for one in (left, left + more))
    assert cost_min(long, NOW) <= cost_min(short, NOW)
    assert cost_min(menu(distance_m=distance_m), NOW) <= cost_min(long, NOW), "never closes"


@given(distances, st.integers(0, 4_000), st.integers(0, 4_000))
def test_opening_sooner_is_never_worse(distance_m: float, wait: int, more: int) -> None:
    soon, late = (
        menu(distance_m=distance_m, open_now=False, opens_at=at(one)) for one in (wait, wait + more)
    )
    assert cost_min(soon, NOW) <= cost_min(late, NOW)
    assert cost_min(late, NOW) <= cost_min(menu(distance_m=distance_m, open_now=False), NOW)


@given(candidates(), tastes)
def test_what_is_liked_is_never_worse_for_it(one: Candidate, likes: frozenset[str]) -> None:
    assert cost_min(one, NOW, likes) <= cost_min(one, NOW)


@given(candidates())
def test_without_tastes_the_cuisine_means_nothing(one: Candidate) -> None:
    other = msgspec.structs.replace(one, cuisines=frozenset({"sushi"}))
    assert cost_min(one, NOW) == cost_min(other, NOW)


@given(tables, tastes, st.integers(0, 99))
def test_the_order_is_of_all_of_them_however_they_come(
    menus: tuple[Candidate, ...], likes: frozenset[str], seed: int
) -> None:
    shuffled = random.Random(seed).sample(menus, len(menus))
    assert ranked(menus, NOW, likes) == ranked(shuffled, NOW, likes)
    assert sorted(one.menu_id for one in menus) == sorted(order(*menus, likes=likes))


@given(tables, tastes, st.data())
def test_who_leaves_changes_nothing_between_the_others(
    menus: tuple[Candidate, ...], likes: frozenset[str], data: st.DataObject
) -> None:
    assume(menus)
    gone = data.draw(st.sampled_from(menus))
    left = [one for one in menus if one is not gone]
    assert order(*left, likes=likes) == [one for one in order(*menus, likes=likes) if one != gone.menu_id]


def test_a_kitchen_that_closes_in_ten_minutes_comes_after_one_that_is_open_a_mile_away() -> None:
    closing = menu(1, 100, closes_at=at(10))
    assert order(closing, menu(2, 1_600, closes_at=at(180))) == [2, 1]


def test_of_two_that_are_open_for_long_the_nearer_comes_first_whichever_closes_later() -> None:
    assert order(menu(1, 400, closes_at=at(300)), menu(2, 300, closes_at=at(120))) == [2, 1]


def test_what_is_closed_on_arrival_is_closed() -> None:
    far = menu(1, 3_000, closes_at=at(40))  # 49 minutes on foot
    assert order(far, menu(2, 3_000, open_now=False, opens_at=at(600))) == [2, 1]


def test_open_comes_before_not_known_and_that_before_closed() -> None:
    closed, unknown, open_ = (menu(n, 200, open_now=state) for n, state in ((1, False), (2, None), (3, True)))
    assert order(closed, unknown, open_) == [3, 2, 1]


def test_opening_on_arrival_costs_the_locked_door_only() -> None:
    on_time = menu(1, 800, open_now=False, opens_at=at(5))  # 13 minutes on foot
    assert cost_min(on_time, NOW) == 800 * DETOUR / METRES_PER_MINUTE + 30


def test_a_liked_kitchen_is_worth_ten_minutes_of_walking_and_no_more() -> None:
    ten_minutes_m = 10 * METRES_PER_MINUTE / DETOUR
    near = menu(1, 0, cuisines=frozenset({"french"}))
    likes = frozenset({"sushi"})
    for metres, expected in ((ten_minutes_m - 1, [2, 1]), (ten_minutes_m + 1, [1, 2])):
        assert order(near, menu(2, metres, cuisines=frozenset({"sushi"})), likes=likes) == expected


def test_equals_are_ordered_by_age() -> None:
    assert order(menu(9), menu(3)) == [3, 9]


def test_interests_are_understood_as_cuisines_are_written() -> None:
    assert tastes_of(["Fish and  chips", "SUSHI"]) == {"fish_and_chips", "sushi"}


def test_begun_minutes_of_a_walk_count() -> None:
    assert (walk_m(100), whole_walk_min(0), whole_walk_min(1), whole_walk_min(616)) == (130, 0, 1, 11)
