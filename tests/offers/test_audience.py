"""Whom an offer is for: each rule, what is not known, and that nothing is asked without consent."""

from datetime import timedelta
from typing import Any

import pytest

from offers.audience import audience_rules
from offers.terms import Audience, Person, Reason
from tests.offers.invented import NOON, offer, person

DAY = timedelta(days=1)
PERSONAL = person().grants | {"personalisation"}


def known(**said: Any) -> Person:
    """Somebody who consented to personalisation."""
    return person(grants=PERSONAL, **{"visits": {}, "attributes": {}} | said)


def passes(audience: Audience, who: Person) -> bool:
    rules = audience_rules(offer(audience=audience), who, NOON)
    assert all(rule.name is Reason.AUDIENCE for rule in rules)
    return all(rule.passed for rule in rules)


def test_an_empty_audience_asks_nothing_of_anybody() -> None:
    assert audience_rules(offer(), person(), NOON) == ()


@pytest.mark.parametrize(("spoken", "is_for"), [("fr", True), ("fr-CA", True), ("FR", True), ("en", False)])
def test_a_language_is_asked_without_consent_to_personalisation(spoken: str, is_for: bool) -> None:
    assert passes(Audience(languages=("fr", "fi")), person(language=spoken)) is is_for


def test_one_shared_interest_is_enough() -> None:
    wanted = Audience(interests=("coffee", "books"), if_not_known="exclude")
    assert passes(wanted, known(interests=frozenset({"books", "music"})))
    assert not passes(wanted, known(interests=frozenset({"music"})))
    assert not passes(wanted, known())


@pytest.mark.parametrize(
    ("visits", "new", "returning", "twice_at_most"),
    [(0, True, False, True), (1, False, True, True), (2, False, True, True), (3, False, True, False)],
)
def test_new_and_returning_customers_are_told_apart_by_visits_before(
    visits: int, new: bool, returning: bool, twice_at_most: bool
) -> None:
    who = known(visits={1: tuple(NOON - n * DAY for n in range(1, visits + 1)), 2: (NOON - DAY,) * 5})
    assert passes(Audience(visits_at_most=0, if_not_known="exclude"), who) is new
    assert passes(Audience(visits_at_least=1, if_not_known="exclude"), who) is returning
    assert passes(Audience(visits_at_most=2, if_not_known="exclude"), who) is twice_at_most


@pytest.mark.parametrize(
    ("days_ago", "least", "most", "is_for"),
    [
        (10, 10, None, True),
        (10, 11, None, False),
        (10, None, 10, True),
        (10, None, 9, False),
        (10, 5, 20, True),
        (None, 30, None, True),
        (None, None, 30, False),
        (None, 5, 30, False),
    ],
)
def test_the_last_visit_is_counted_in_days_and_who_never_came_has_stayed_away(
    days_ago: int | None, least: int | None, most: int | None, is_for: bool
) -> None:
    who = known(visits={} if days_ago is None else {1: (NOON - days_ago * DAY, NOON - 60 * DAY)})
    asked = Audience(last_visit_days_at_least=least, last_visit_days_at_most=most, if_not_known="exclude")
    assert passes(asked, who) is is_for


def test_an_attribute_is_the_retailers_own() -> None:
    gold = Audience(attributes={"tier": ("gold", "silver")}, if_not_known="exclude")
    assert passes(gold, known(attributes={1: {"tier": "gold"}}))
    assert not passes(gold, known(attributes={1: {"tier": "iron"}}))
    assert not passes(gold, known(attributes={2: {"tier": "gold"}}))


@pytest.mark.parametrize("if_not_known", ["include", "exclude"])
def test_an_attribute_nobody_set_is_not_known(if_not_known: Any) -> None:
    asked = Audience(attributes={"tier": ("gold",)}, if_not_known=if_not_known)
    assert passes(asked, known(attributes={1: {"other": "x"}})) is (if_not_known == "include")


@pytest.mark.parametrize("if_not_known", ["include", "exclude"])
@pytest.mark.parametrize(
    "asked",
    [{"interests": ("coffee",)}, {"visits_at_least": 1}, {"attributes": {"tier": ("gold",)}}],
)
def test_without_consent_to_personalisation_nothing_personal_is_known(
    asked: dict[str, Any], if_not_known: Any
) -> None:
    """Also where the facts are at hand: they must not be looked at."""
    who = person(interests=frozenset({"coffee"}), visits={1: (NOON - DAY,)}, attributes={1: {"tier": "gold"}})
    rules = audience_rules(offer(audience=Audience(**asked, if_not_known=if_not_known)), who, NOON)
    assert [rule.passed for rule in rules] == [if_not_known == "include"]
    assert [rule.numbers["not_known"] for rule in rules] == ["personalisation"]


def test_all_rules_must_hold() -> None:
    both = Audience(languages=("en",), interests=("coffee",), if_not_known="exclude")
    assert passes(both, known(interests=frozenset({"coffee"})))
    assert not passes(both, known(interests=frozenset({"coffee"}), language="fr"))
