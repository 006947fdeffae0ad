"""Every reason there is comes out in plain words, met and not met, in English and in French."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from offers.audience import audience_rules
from offers.eligibility import examine
from offers.handing.plain_words import SpokenLanguage, say
from offers.handing.rehearsal_words import say_ahead, say_outcome
from offers.holdouts import held_out_of
from offers.terms import Audience, Defaults, Reason, Rule
from tests.offers.invented import NO_QUIET, NOON, PARIS, offer, past, per_day, person, question

LANGUAGES: tuple[SpokenLanguage, ...] = ("en", "fr")
# What nobody says who stands in a shop: names of code, and words of the trade.
JARGON = re.compile(
    r"_|\bNone\b|\bTrue\b|\bFalse\b|\bnull\b|\{|\}"
    r"|\b(holdout|trigger|fence|dwell|cap|audience|eligib\w*|suppress\w*|budget|grant|purpose|geofence)s?\b"
    r"|\b(déclencheur|géorepérage|plafond|audience|éligib\w*|témoin)s?\b",
    re.IGNORECASE,
)
HELD_OUT = Defaults(holdout_percent=50, holdout_salt="a")
# Rules of the decision as a whole rather than of one question.
BY_THE_DECIDER = [
    Rule(name=Reason.OUTRANKED, passed=False, numbers={"by_offer": 7}),
    Rule(name=Reason.NOT_PRESENT, passed=True),
    Rule(name=Reason.NOT_PRESENT, passed=False),
]


def _asked() -> list[Rule]:
    """What the real rules say of somebody for whom everything passes, and of others for whom nothing does."""
    wanted = Audience(
        languages=("fr",),
        interests=("tea",),
        visits_at_least=1,
        last_visit_days_at_most=3,
        attributes={"tier": ("gold",), "card": ("yes",)},
        if_not_known="exclude",
    )
    limits: dict[str, Any] = {"customer_limit": 1, "customer_limit_days": 7, "re_eligible_after_s": 3_600}
    strict = offer(
        status="paused",
        only_while_open=True,
        weekly_hours="Mo off",
        redemptions_left=0,
        redemption_stock=5,
        audience=wanted,
        is_stopped=True,
        **limits,
    )
    knows_tea = frozenset({"location_offers", "personalisation"})
    somebody = person(
        grants=knows_tea, visits={1: (NOON - timedelta(days=9),)}, attributes={1: {"tier": "silver"}}
    )
    given = [past(was_dismissed=True)]
    rules: list[Rule] = []
    for one in (
        question(defaults=NO_QUIET),
        question(
            offer=offer(**limits), history=[past(decided_at=NOON - timedelta(days=9))], caps=[per_day(2)]
        ),
        question(offer=strict, person=somebody, history=given, caps=[per_day(1)], budget="spent"),
        question(
            offer=strict,
            person=person(grants=frozenset(), age_band="15_17"),
            crossed_at=NOON - timedelta(hours=3),
        ),
        question(offer=offer(ignores_caps=True), budget="reserved"),
        question(was_held=True, is_present=False, offer=offer(when_quiet="hold", needs_presence=True)),
        question(was_held=True, is_present=True, offer=offer(when_quiet="hold", needs_presence=True)),
        question(offer=offer(when_quiet="inbox_only"), now=NOON.replace(hour=21)),
        question(offer=offer(when_quiet="hold"), now=NOON.replace(hour=21)),
    ):
        rules += examine(one).rules
    for chosen in (person(language="fr"), person(language="de"), somebody, person()):
        rules += audience_rules(offer(audience=wanted), chosen, NOON)
    for number in range(40):
        chosen = offer(offer_id=number + 1, holdout_percent=50)
        rules += held_out_of(chosen, person().customer_id, Defaults(holdout_salt="a"))[1]
    rules += held_out_of(offer(holdout_percent=50), person().customer_id, HELD_OUT)[1]
    return [*rules, *BY_THE_DECIDER]


ASKED = _asked()


def test_every_reason_that_a_rule_can_give_was_asked_about() -> None:
    said = {rule.name for rule in ASKED}
    results = {(rule.name, rule.passed) for rule in ASKED}
    # Not rules: how a decision ends.
    outcomes = {Reason.DELIVERED, Reason.HELD, Reason.ALREADY_HELD, Reason.FAILED}
    assert said == set(Reason) - outcomes
    only_failing = {Reason.OUTRANKED, Reason.BUDGET_RESERVED}
    assert {name for name in said if (name, False) in results} >= said - {Reason.FENCE_INACTIVE}
    assert {name for name in said if (name, True) in results} >= said - only_failing


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_rule_is_told_in_jargon(language: SpokenLanguage) -> None:
    for rule in ASKED:
        sentence = say(rule, language, PARIS)
        assert sentence.endswith("."), sentence
        # What a retailer named itself stands there as it is.
        assert JARGON.findall(sentence) == [], (rule, sentence)


def test_a_rule_is_said_differently_in_both_languages_and_when_it_is_not_met() -> None:
    for rule in ASKED:
        assert say(rule, "en", PARIS) != say(rule, "fr", PARIS)
        if rule.name is not Reason.OUTRANKED:
            turned = Rule(name=rule.name, passed=not rule.passed, numbers=rule.numbers)
            assert say(rule, "en", PARIS) != say(turned, "en", PARIS), rule


@pytest.mark.parametrize(
    ("rule", "english", "french"),
    [
        (
            Rule(name=Reason.HOLDOUT, passed=False, numbers={"drawn_for": "offer", "percent": 10}),
            "Some people, drawn by lot, are not given it, to learn what it does; you are among them.",
            "Quelques personnes tirées au sort ne la reçoivent pas, pour mesurer son effet ; vous en êtes.",
        ),
        (
            Rule(name=Reason.HOLDOUT, passed=True, numbers={"drawn_for": "offer", "percent": 10}),
            "Some people, drawn by lot, are not given it, to learn what it does; you were not among them.",
            "Quelques personnes tirées au sort ne la reçoivent pas, pour mesurer son effet ; pas vous.",
        ),
        (
            Rule(name=Reason.NOT_PRESENT, passed=False),
            "You were not there any more when it could have been given.",
            "Vous n'y étiez plus au moment où elle aurait pu être donnée.",
        ),
        (
            Rule(name=Reason.NOT_PRESENT, passed=True),
            "You were still there.",
            "Vous y étiez encore.",
        ),
        (
            Rule(name=Reason.MINOR, passed=False, numbers={"age_band": "15_17"}),
            "You did not tell us that you are an adult; offers are for adults.",
            "Vous n'avez pas indiqué être majeur ; les offres sont pour les majeurs.",
        ),
        (
            Rule(name=Reason.STALE, passed=True, numbers={"age_s": 36_000.0, "was_held": True}),
            "You were there 10 hours before; the offer waited for the end of your quiet hours.",
            "Vous y étiez 10 heures avant ; l'offre a attendu la fin de vos heures calmes.",
        ),
        (
            Rule(name=Reason.QUIET_HOURS, passed=True, numbers={"inbox_only": True}),
            "It was put into your inbox without a notification.",
            "Elle a été déposée dans votre boîte, sans notification.",
        ),
        (
            Rule(
                name=Reason.AUDIENCE,
                passed=True,
                numbers={"about": "attribute", "attribute": "tier", "value": "gold"},
            ),
            "The business noted about you, its customer: tier is gold.",
            "Le commerce a noté à votre sujet, comme client : tier est gold.",
        ),
        (
            Rule(
                name=Reason.AUDIENCE,
                passed=True,
                numbers={"about": "not_known", "not_known": "personalisation", "if_not_known": "include"},
            ),
            "The offer asks for something that is not known about you, and is then for you, too.",
            "L'offre demande quelque chose qu'on ne sait pas de vous, et vaut alors pour vous aussi.",
        ),
    ],
)
def test_what_is_new_to_a_customer_is_said_in_so_many_words(rule: Rule, english: str, french: str) -> None:
    assert (say(rule, "en", PARIS), say(rule, "fr", PARIS)) == (english, french)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_and_rank_has_a_sentence_of_its_own(language: SpokenLanguage) -> None:
    outcomes = [*(set(Reason) - {Reason.FAILED}), "not_here", "other_trigger"]
    said = [say_outcome(str(one), language, NOON, PARIS) for one in outcomes]
    assert len(set(said)) == len(outcomes)
    ranks = [None, "disliked", "priority", "interest", "distance", "last_served", "lot"]
    said += [say_ahead(one, language) for one in ranks]  # type: ignore[arg-type]  # spelled out above
    assert len(set(said)) == len(outcomes) + len(ranks)
    assert [sentence for sentence in said if JARGON.search(sentence)] == []


def test_a_held_offer_says_until_when_on_the_persons_clock() -> None:
    assert "2026-06-10 12:00" in say_outcome("held", "en", NOON, PARIS)
    assert "10/06/2026 12:00" in say_outcome("held", "fr", NOON, PARIS)
