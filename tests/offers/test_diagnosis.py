"""Why an offer does not run: each finding where it is due, and nowhere else."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from offers.diagnosis import Finding, Situation, Stock, diagnose, next_possible
from offers.retail.diagnosis_words import _REASONS, _SENTENCES, say_finding
from offers.terms import Audience, Defaults, Reason
from tests.offers.invented import NO_QUIET, NOON, offer, per_day, place, rolling, utc

HOURS = {"opening_hours": "Mo-Su 09:00-18:00"}


def situation(**changes: Any) -> Situation:
    """An offer that runs and that people cross, unless something is changed."""
    plain: dict[str, Any] = {
        "offer": offer(),
        "places": [place()],
        "caps": [],
        "defaults": NO_QUIET,
        "now": NOON,
        "considered": {"delivered": 60, "outranked": 20},
    }
    return Situation(**plain | changes)


def codes(**changes: Any) -> list[str]:
    return [finding.code for finding in diagnose(situation(**changes))]


def test_of_an_offer_that_runs_nothing_is_found() -> None:
    assert codes() == []


def personal(**rules: Any) -> Any:
    return offer(audience=Audience(**{"if_not_known": "exclude"} | rules))


FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("stopped", "blocks", {"stopped_by": "operator"}),
    ("retailer_stopped", "blocks", {"retailer_stopped_by": "retailer"}),
    ("not_active", "blocks", {"offer": offer(status="draft")}),
    ("only_nearby", "blocks", {"offer": offer(triggers=("nearby",))}),
    ("schedule_over", "blocks", {"offer": offer(ends_at=NOON)}),
    ("tied_to_no_fence", "blocks", {"places": []}),
    ("no_active_fence", "blocks", {"places": [place(fence_disabled_at=NOON)]}),
    ("site_hours_unknown", "blocks", {"offer": offer(only_while_open=True)}),
    (
        "never_on",
        "blocks",
        {"offer": offer(weekly_hours="Mo-Su 20:00-21:00", only_while_open=True), "places": [place(**HOURS)]},
    ),
    (
        "always_quiet",
        "blocks",
        {"offer": offer(weekly_hours="Mo-Su 22:00-06:00"), "defaults": Defaults()},
    ),
    (
        "always_quiet",
        "blocks",
        {"offer": offer(weekly_hours="Mo-Su 22:00-06:00", when_quiet="hold"), "defaults": Defaults()},
    ),
    ("not_begun", "limits", {"offer": offer(starts_at=utc("2026-07-01 00:00"))}),
    ("not_now", "limits", {"offer": offer(weekly_hours="Mo-Su 15:00-16:00")}),
    ("cap_of_none", "blocks", {"caps": [per_day(0)]}),
    (
        "limit_never_reached",
        "hint",
        {"offer": offer(customer_limit=10, customer_limit_days=2), "caps": [per_day(1)]},
    ),
    (
        "limit_never_reached",
        "hint",
        {"offer": offer(customer_limit=4, customer_limit_days=1), "caps": [rolling(1, 86_400)]},
    ),
    ("no_codes", "blocks", {"stock": Stock(total=0, left=0, has_own_codes=True)}),
    ("budget_spent", "blocks", {"stock": Stock(total=50, left=0)}),
    ("budget_reserved", "limits", {"stock": Stock(total=50, left=0, leased=3)}),
    ("day_budget_of_none", "blocks", {"stock": Stock(per_day=0, day_left=0, day_ends_at=NOON)}),
    ("day_budget_spent", "limits", {"stock": Stock(per_day=5, day_left=-1, day_ends_at=NOON)}),
    ("day_budget_reserved", "limits", {"stock": Stock(per_day=5, day_left=0, day_ends_at=NOON, leased=1)}),
    ("week_budget_of_none", "blocks", {"stock": Stock(per_week=0, week_left=0, week_ends_at=NOON)}),
    ("week_budget_spent", "limits", {"stock": Stock(per_week=5, week_left=0, week_ends_at=NOON)}),
    (
        "week_budget_reserved",
        "limits",
        {"stock": Stock(per_week=5, week_left=0, week_ends_at=NOON, leased=1)},
    ),
    ("stock_spent", "blocks", {"offer": offer(redemptions_left=0), "stock": Stock(redemptions=5)}),
    ("audience_impossible", "blocks", {"offer": personal(visits_at_least=3, visits_at_most=2)}),
    (
        "audience_impossible",
        "blocks",
        {"offer": personal(last_visit_days_at_least=9, last_visit_days_at_most=3)},
    ),
    ("audience_impossible", "blocks", {"offer": personal(visits_at_most=0, last_visit_days_at_most=3)}),
    ("audience_impossible", "blocks", {"offer": personal(visits_at_least=1, last_visit_days_at_least=91)}),
    ("nobody_consented", "blocks", {"reachable": 0}),
    ("few_consented", "limits", {"reachable": 9}),
    ("nobody_personalised", "blocks", {"offer": personal(interests=("soup",)), "personalised": 0}),
    ("nobody_came", "limits", {"considered": {}}),
    ("few_came", "limits", {"considered": {"no_consent": 9}}),
    ("mostly_refused", "limits", {"considered": {"no_consent": 30, "delivered": 30}}),
    ("waiting", "hint", {"waiting": 10}),
    ("few_waiting", "hint", {"waiting": 9}),
    ("day_budget_never_binds", "hint", {"stock": Stock(total=50, left=9, per_day=50, day_left=9)}),
    (
        "week_budget_never_binds",
        "hint",
        {"stock": Stock(per_day=5, day_left=5, per_week=35, week_left=5)},
    ),
    ("more_stock_than_deliveries", "hint", {"stock": Stock(total=50, left=9, redemptions=51)}),
]


@pytest.mark.parametrize(("code", "severity", "changes"), FOUND)
def test_one_fault_is_found_by_its_name(code: str, severity: str, changes: dict[str, Any]) -> None:
    (found,) = diagnose(situation(**changes))
    assert (found.code, found.severity) == (code, severity)
    for language in ("en", "fr"):
        sentence = say_finding(found, language)  # type: ignore[arg-type]
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_every_sentence_belongs_to_a_finding_that_is_tested() -> None:
    assert set(_SENTENCES) == {code for code, _, _ in FOUND}


def test_every_reason_of_a_crossing_has_words() -> None:
    never_at_a_crossing = {Reason.DELIVERED, Reason.HELD, Reason.NOT_PRESENT, Reason.FAILED}
    assert {Reason(name) for name in _REASONS} == set(Reason) - never_at_a_crossing


NOT_FOUND: list[tuple[str, dict[str, Any]]] = [
    ("a cap that the offer ignores", {"offer": offer(ignores_caps=True), "caps": [per_day(0)]}),
    ("a cap of another offer", {"caps": [per_day(0, scope="offer", offer_id=2, retailer_id=1)]}),
    (
        "a cap under which the limit can just be reached",
        {"offer": offer(customer_limit=4, customer_limit_days=2), "caps": [per_day(1)]},
    ),
    ("a limit for ever", {"offer": offer(customer_limit=99), "caps": [per_day(1)]}),
    (
        "a night offer that goes to the inbox quietly",
        {"offer": offer(weekly_hours="Mo-Su 11:00-13:00", when_quiet="inbox_only"), "defaults": Defaults()},
    ),
    ("an audience of new customers", {"offer": personal(visits_at_most=0)}),
    ("an audience of those who stayed away", {"offer": personal(last_visit_days_at_least=95)}),
    (
        "an audience nobody meets that includes whom it does not know",
        {"offer": personal(visits_at_least=3, visits_at_most=2, if_not_known="include")},
    ),
    (
        "an audience that includes whom it does not know",
        {"offer": personal(interests=("soup",), if_not_known="include"), "personalised": 0},
    ),
    ("a day that begins anew", {"stock": Stock(per_day=5, day_left=5, day_ends_at=NOON)}),
    ("several reasons", {"considered": {"no_consent": 29, "delivered": 31}}),
    ("a hold is not a refusal", {"considered": {"held": 50, "delivered": 10}}),
]


@pytest.mark.parametrize(
    "changes", [changes for _, changes in NOT_FOUND], ids=[name for name, _ in NOT_FOUND]
)
def test_what_is_no_fault_is_not_found(changes: dict[str, Any]) -> None:
    assert codes(**changes) == []


def test_a_stop_says_more_than_the_pause_it_brings() -> None:
    assert codes(offer=offer(status="paused"), stopped_by="retailer") == ["stopped"]


def test_nobody_is_missed_where_nothing_could_be_given() -> None:
    assert codes(offer=offer(status="draft"), considered={}) == ["not_active"]
    assert codes(places=[], considered={}) == ["tied_to_no_fence"]


def test_the_worst_comes_first() -> None:
    found = diagnose(situation(reachable=5, waiting=3, stopped_by="retailer"))
    assert [finding.severity for finding in found] == ["blocks", "limits", "hint"]


def test_what_is_possible_next_heeds_quiet_hours_unless_it_is_quiet_itself() -> None:
    night = {"offer": offer(weekly_hours="Mo-Su 22:00-24:00,08:00-09:00"), "defaults": Defaults()}
    assert next_possible(situation(**night)) == utc("2026-06-11 06:00")
    quietly = offer(weekly_hours="Mo-Su 22:00-24:00,08:00-09:00", when_quiet="inbox_only")
    assert next_possible(situation(offer=quietly, defaults=Defaults())) == utc("2026-06-10 20:00")
    assert next_possible(situation(defaults=Defaults(quiet_start=time(11, 0), quiet_end=time(13, 0)))) == utc(
        "2026-06-10 11:00"
    )


def test_sentences_name_times_and_people_in_the_readers_language() -> None:
    finding = Finding("schedule_over", "blocks", {"ended_at": "2026-06-10T10:00:00Z"})
    assert say_finding(finding, "en") == "The offer ended on 2026-06-10 10:00 UTC."
    assert say_finding(finding, "fr") == "L'offre a pris fin le 10/06/2026 10:00 UTC."
    assert say_finding(Finding("stopped", "blocks", {"by": "operator"}), "fr") == (
        "L'offre est arrêtée, par l'opérateur."
    )


def test_a_share_is_told_coarsely() -> None:
    (found,) = diagnose(situation(considered={"no_consent": 103, "delivered": 2}))
    assert found.numbers == {"reason": "no_consent", "percent": 100}
