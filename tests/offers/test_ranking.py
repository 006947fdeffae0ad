"""One winner: priority among a retailer's own, then interest, distance, turn and a settled tie."""

import random
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.ranking import DISTANCE_STEP_M, Candidate, Criterion, choose, outranked, ranked, set_apart_by
from offers.terms import PastDelivery, Person, Reason
from tests.offers.invented import NOON, candidate, past, person

HUNGRY = person(interests=frozenset({"food"}), grants=person().grants | {"personalisation"})
DAY = timedelta(days=1)


def winner(*candidates: Candidate, who: Person = HUNGRY, history: tuple[PastDelivery, ...] = ()) -> int:
    return choose(candidates, who, history, seed=1, now=NOON).offer.offer_id


def test_a_retailers_own_offers_are_ordered_by_priority_before_all_else() -> None:
    low = candidate(offer_id=1, priority=1, tags=("food",), distance_m=0)
    high = candidate(offer_id=2, priority=2, distance_m=500)
    assert winner(low, high) == 2


def test_priority_means_nothing_between_retailers() -> None:
    near = candidate(offer_id=1, retailer_id=1, priority=-100, distance_m=5)
    far = candidate(offer_id=2, retailer_id=2, priority=100, distance_m=50)
    assert winner(near, far) == 1


def test_interest_comes_before_distance() -> None:
    near = candidate(offer_id=1, retailer_id=1, distance_m=5)
    liked = candidate(offer_id=2, retailer_id=2, distance_m=500, tags=("food", "drink"))
    assert winner(near, liked) == 2


def test_interests_mean_nothing_without_consent_to_personalisation() -> None:
    near = candidate(offer_id=1, retailer_id=1, distance_m=5)
    liked = candidate(offer_id=2, retailer_id=2, distance_m=500, tags=("food",))
    assert winner(near, liked, who=person(interests=frozenset({"food"}))) == 1


def test_listing_more_tags_wins_nothing() -> None:
    keen = person(interests=frozenset({"food", "drink", "music"}), grants=HUNGRY.grants)
    stuffed = candidate(offer_id=1, retailer_id=1, distance_m=50, tags=("food", "drink", "music"))
    plain = candidate(offer_id=2, retailer_id=2, distance_m=5, tags=("food",))
    assert winner(stuffed, plain, who=keen) == 2


def test_among_equally_near_ones_the_retailer_served_least_recently_wins() -> None:
    both = (candidate(offer_id=1, retailer_id=1), candidate(offer_id=2, retailer_id=2))
    old, new = NOON - 2 * DAY, NOON - DAY
    history = (
        past(retailer_id=1, decided_at=old),
        past(retailer_id=2, decided_at=new),
        past(retailer_id=2, decided_at=old - DAY),
    )
    assert winner(*both, history=history) == 1
    assert winner(*both, history=(past(retailer_id=1, decided_at=old),)) == 2
    assert winner(*both, history=(past(retailer_id=2, decided_at=old),)) == 1


def test_a_delivery_that_was_never_handed_over_served_nobody() -> None:
    both = (candidate(offer_id=1, retailer_id=1), candidate(offer_id=2, retailer_id=2))
    history = (past(retailer_id=1, decided_at=NOON - DAY), past(retailer_id=2, takes_slot=False))
    assert winner(*both, history=history) == 2


def test_distances_closer_than_a_phone_can_tell_are_equal() -> None:
    near = candidate(offer_id=1, retailer_id=1, distance_m=1)
    hardly_farther = candidate(offer_id=2, retailer_id=2, distance_m=DISTANCE_STEP_M - 1)
    assert winner(near, hardly_farther, history=(past(retailer_id=1),)) == 2


def test_a_tie_is_settled_by_the_seed_and_not_always_the_same_way() -> None:
    both = [candidate(offer_id=1, retailer_id=1), candidate(offer_id=2, retailer_id=2)]
    winners = [choose(both, HUNGRY, (), seed, NOON).offer.offer_id for seed in range(100)]
    assert 25 < winners.count(1) < 75
    assert winners == [choose(both, HUNGRY, (), seed, NOON).offer.offer_id for seed in range(100)]


def test_a_tie_is_settled_alike_in_every_process() -> None:
    """Python's own hash of a text differs from one worker to the next."""
    program = (
        "from tests.offers.invented import NOON, candidate, person; from offers.ranking import choose;"
        "both = [candidate(offer_id=n, retailer_id=n) for n in (1, 2, 3)];"
        "print([choose(both, person(), (), seed, NOON).offer.offer_id for seed in range(30)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_the_losers_trace_ends_with_who_won() -> None:
    lost, won = candidate(offer_id=1), candidate(offer_id=2, retailer_id=2)
    decision = outranked(lost, won)
    assert (decision.reason, decision.is_pass, decision.offer.offer_id) == (Reason.OUTRANKED, False, 1)
    assert (decision.rules[-1].passed, decision.rules[-1].numbers) == (False, {"by_offer": 2})


# Properties

tags = st.lists(st.sampled_from(["food", "drink", "music"]), max_size=3).map(tuple)
candidate_lists = st.lists(
    st.builds(
        lambda retailer_id, priority, offer_tags, distance_m: {
            "retailer_id": retailer_id,
            "priority": priority,
            "tags": offer_tags,
            "distance_m": distance_m,
        },
        st.integers(1, 3),
        st.integers(-2, 2),
        tags,
        st.sampled_from([0.0, 4.0, 9.9, 25.0, 80.0]),
    ),
    min_size=1,
    max_size=8,
).map(lambda rows: [candidate(offer_id=n, fence_id=n, **row) for n, row in enumerate(rows, 1)])
histories = st.lists(
    st.builds(
        lambda retailer_id, age, takes_slot: past(
            retailer_id=retailer_id, decided_at=NOON - age * DAY, takes_slot=takes_slot
        ),
        st.integers(1, 3),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=5,
)
interests = st.frozensets(st.sampled_from(["food", "drink", "music"]))


@given(candidate_lists, histories, st.integers(), st.randoms())
def test_the_order_of_the_candidates_means_nothing(
    candidates: list[Candidate], history: list[PastDelivery], seed: int, chance: random.Random
) -> None:
    shuffled = chance.sample(candidates, len(candidates))
    reordered = chance.sample(history, len(history))
    assert choose(candidates, HUNGRY, history, seed, NOON) == choose(shuffled, HUNGRY, reordered, seed, NOON)


@given(candidate_lists, histories, interests, st.integers())
def test_the_winner_never_has_a_lower_priority_than_another_of_its_retailer(
    candidates: list[Candidate], history: list[PastDelivery], likes: frozenset[str], seed: int
) -> None:
    who = person(interests=likes, grants=HUNGRY.grants)
    won = choose(candidates, who, history, seed, NOON).offer
    rivals = [c.offer.priority for c in candidates if c.offer.retailer_id == won.retailer_id]
    assert won.priority == max(rivals)


@given(candidate_lists, histories, interests, interests, st.integers())
def test_without_personalisation_interests_change_nothing(
    candidates: list[Candidate],
    history: list[PastDelivery],
    likes: frozenset[str],
    others: frozenset[str],
    seed: int,
) -> None:
    one, other = person(interests=likes), person(interests=others)
    assert choose(candidates, one, history, seed, NOON) == choose(candidates, other, history, seed, NOON)


@given(candidate_lists, histories, st.integers(), st.integers(-100, 100))
def test_a_retailer_gains_nothing_by_raising_all_its_priorities(
    candidates: list[Candidate], history: list[PastDelivery], seed: int, raised_by: int
) -> None:
    def raised(c: Candidate) -> Candidate:
        if c.offer.retailer_id != 1:
            return c
        return candidate(
            offer_id=c.offer.offer_id,
            fence_id=c.place.fence_id,
            retailer_id=1,
            tags=c.offer.tags,
            distance_m=c.distance_m,
            priority=c.offer.priority + raised_by,
        )

    before = choose(candidates, HUNGRY, history, seed, NOON).offer.offer_id
    assert choose([raised(c) for c in candidates], HUNGRY, history, seed, NOON).offer.offer_id == before


# What somebody turned away

LIKES = person(grants=person().grants | {"personalisation"}, interests=frozenset({"coffee"}))


def test_a_kind_that_was_turned_away_comes_after_all_else() -> None:
    coffee = candidate(offer_id=1, retailer_id=1, tags=("coffee",), priority=100)
    other = candidate(offer_id=2, retailer_id=2, distance_m=900.0)
    own = candidate(offer_id=3, retailer_id=1, priority=-100)
    turned_away = [
        past(offer_id=9, tags=("coffee",), decided_at=NOON - timedelta(days=89), was_dismissed=True)
    ]
    assert choose([coffee, other], LIKES, (), 1, NOON) is coffee
    assert choose([coffee, other], LIKES, turned_away, 1, NOON) is other
    assert choose([coffee, own], LIKES, turned_away, 1, NOON) is own


def test_without_consent_to_personalisation_a_dislike_lowers_nothing() -> None:
    coffee = candidate(offer_id=1, retailer_id=1, tags=("coffee",))
    other = candidate(offer_id=2, retailer_id=2, distance_m=900.0)
    turned_away = [past(offer_id=9, tags=("coffee",), was_dismissed=True)]
    assert choose([coffee, other], person(), turned_away, 1, NOON) is coffee


def test_a_dislike_is_forgotten_after_three_months() -> None:
    coffee = candidate(offer_id=1, retailer_id=1, tags=("coffee",))
    other = candidate(offer_id=2, retailer_id=2, distance_m=900.0)
    turned_away = [
        past(offer_id=9, tags=("coffee",), decided_at=NOON - timedelta(days=91), was_dismissed=True)
    ]
    assert choose([coffee, other], LIKES, turned_away, 1, NOON) is coffee


def test_what_was_given_and_not_turned_away_lowers_nothing() -> None:
    coffee = candidate(offer_id=1, retailer_id=1, tags=("coffee",))
    other = candidate(offer_id=2, retailer_id=2, distance_m=900.0)
    assert choose([coffee, other], LIKES, [past(offer_id=9, tags=("coffee",))], 1, NOON) is coffee


# The whole order, and what it goes by

DISLIKES_TEA = (past(offer_id=9, retailer_id=9, tags=("tea",), was_dismissed=True),)


@pytest.mark.parametrize(
    ("first", "second", "criterion"),
    [
        ({"retailer_id": 1}, {"retailer_id": 2, "tags": ("tea",)}, "disliked"),
        ({"priority": 2}, {"priority": 1}, "priority"),
        ({"retailer_id": 1, "tags": ("food",)}, {"retailer_id": 2}, "interest"),
        ({"retailer_id": 1, "distance_m": 5}, {"retailer_id": 2, "distance_m": 50}, "distance"),
        ({"retailer_id": 1}, {"retailer_id": 9}, "last_served"),
        ({"retailer_id": 1}, {"retailer_id": 2}, "lot"),
    ],
)
def test_the_order_tells_what_sets_two_apart(first: dict, second: dict, criterion: Criterion) -> None:
    candidates = [candidate(offer_id=2, **second), candidate(offer_id=1, **first)]
    order = ranked(candidates, HUNGRY, DISLIKES_TEA, seed=1, now=NOON)
    if criterion != "lot":
        assert [one.offer.offer_id for one, _ in order] == [1, 2]
    assert set_apart_by(order[0], order[1]) == criterion


def test_each_is_told_with_what_it_is_ranked_by() -> None:
    served = past(retailer_id=2, decided_at=NOON - DAY)
    candidates = [
        candidate(offer_id=1, retailer_id=1, distance_m=70.0, tags=("food",), priority=3),
        candidate(offer_id=2, retailer_id=2, distance_m=5.0, tags=("tea",)),
    ]
    first, second = ranked(candidates, HUNGRY, (*DISLIKES_TEA, served), seed=1, now=NOON)
    standing = first[1]
    assert (standing.is_of_interest, standing.is_disliked, standing.priority) == (True, False, 3)
    assert (standing.distance_m, standing.last_served_at) == (70.0, None)
    assert (second[1].is_of_interest, second[1].is_disliked) == (False, True)
    assert second[1].last_served_at == NOON - DAY


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-2, 2), st.integers(0, 60)), max_size=6))
def test_the_order_is_that_of_choosing_again_and_again(said: list[tuple[int, int, int]]) -> None:
    candidates = [
        candidate(offer_id=number + 1, retailer_id=retailer, priority=priority, distance_m=distance)
        for number, (retailer, priority, distance) in enumerate(said)
    ]
    order = [one for one, _ in ranked(candidates, HUNGRY, (), seed=7, now=NOON)]
    left = list(candidates)
    for one in order:
        assert choose(left, HUNGRY, (), seed=7, now=NOON) is one
        left.remove(one)
    assert left == []
