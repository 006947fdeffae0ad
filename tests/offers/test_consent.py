"""What recorded answers allow."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput
from offers.consent import (
    grant_key,
    grants_after,
    may_follow_car,
    may_keep_diet,
    may_personalise,
    may_track,
    may_use_location,
    missing_among,
    missing_for,
)
from tests.offers.invented import offer, person

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    purpose: str
    granted: bool
    retailer_id: int | None = None
    channel: str | None = None


def yes(purpose: str, retailer_id: int | None = None, channel: str | None = None) -> Answer:
    return Answer(purpose, True, retailer_id, channel)


def no(purpose: str, retailer_id: int | None = None, channel: str | None = None) -> Answer:
    return Answer(purpose, False, retailer_id, channel)


def test_nothing_is_allowed_before_it_is_granted() -> None:
    assert not may_use_location(NONE)
    assert not may_track(NONE)
    assert not may_personalise(NONE)
    assert not may_follow_car(NONE)
    assert not may_keep_diet(NONE)


def test_location_is_used_only_for_the_purpose_granted() -> None:
    parking = frozenset({"location_parking"})
    assert may_use_location(parking, "location_parking")
    assert not may_use_location(parking)
    assert may_use_location(frozenset({"location_offers"}))
    assert may_track(frozenset({"location_offers"}))
    assert may_follow_car(parking)
    assert not may_follow_car(frozenset({"location_offers"}))
    assert may_keep_diet(frozenset({"dietary"}))


@pytest.mark.parametrize("grant", ["location_parking", "personalisation", "measurement", "marketing:1:push"])
def test_no_other_purpose_allows_tracking(grant: str) -> None:
    assert not may_track(frozenset({grant}))


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (set(), "location_offers"),
        ({"marketing:1:push"}, "location_offers"),
        ({"location_parking", "marketing:1:push"}, "location_offers"),
        ({"location_offers"}, "marketing:1:push"),
        ({"location_offers", "marketing:1:inbox"}, "marketing:1:push"),
        ({"location_offers", "marketing:2:push"}, "marketing:1:push"),
        ({"location_offers", "marketing:11:push"}, "marketing:1:push"),
        ({"location_offers", "marketing:1:push"}, None),
    ],
)
def test_an_offer_needs_location_and_marketing_of_its_retailer_and_channel(
    grants: set[str], missing: str | None
) -> None:
    assert missing_for(offer(), person(grants=frozenset(grants))) == missing
    assert missing_among(frozenset(grants), 1, "push") == missing


def test_answers_are_folded_in_their_order() -> None:
    before = frozenset({"location_offers", "personalisation"})
    after = grants_after(
        before, [no("personalisation"), yes("marketing", 3, "inbox"), yes("measurement"), no("measurement")]
    )
    assert after == {"location_offers", "marketing:3:inbox"}


def test_withdrawing_what_was_never_granted_changes_nothing() -> None:
    assert grants_after(NONE, [no("location_offers"), no("marketing", 1, "push")]) == NONE


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (yes("marketing", None, "push"), "decisions[1].retailer_id"),
        (yes("marketing", 1), "decisions[1].channel"),
        (yes("marketing", 1, "fax"), "decisions[1].channel"),
        (no("astrology"), "decisions[1].purpose"),
        (yes("measurement", 1), "decisions[1].purpose"),
        (yes("measurement", None, "push"), "decisions[1].purpose"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_by_its_place(answer: Answer, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        grants_after(NONE, [yes("measurement"), answer])
    assert raised.value.faults[0].field == field


purposes = st.sampled_from(
    ["location_offers", "location_parking", "personalisation", "measurement", "dietary"]
)
answers = st.builds(Answer, purposes, st.booleans()) | st.builds(
    Answer, st.just("marketing"), st.booleans(), st.integers(1, 3), st.sampled_from(["push", "inbox"])
)


@given(st.lists(answers))
def test_the_last_answer_to_a_question_is_the_one_that_holds(given_answers: list[Answer]) -> None:
    last = {grant_key(a.purpose, a.retailer_id, a.channel): a.granted for a in given_answers}
    assert grants_after(NONE, given_answers) == {key for key, granted in last.items() if granted}


@given(st.lists(answers), st.lists(answers))
def test_answers_recorded_apart_or_together_leave_the_same_grants(
    first: list[Answer], second: list[Answer]
) -> None:
    assert grants_after(grants_after(NONE, first), second) == grants_after(NONE, first + second)
