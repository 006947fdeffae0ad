"""Whether an offer may be delivered: each rule alone, their order, and what the trace tells."""

from datetime import time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.eligibility import RULES, Question, concerns, decide, examine, offers_for
from offers.terms import AgeBand, Audience, Reason, Rule
from tests.offers.invented import NOON, offer, past, per_day, person, place, question, utc

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

# One way to break each rule, in the order in which they are asked.
BROKEN: dict[Reason, dict[str, Any]] = {
    Reason.STOPPED: {"is_stopped": True},
    Reason.NOT_ACTIVE: {"offer": {"status": "paused"}},
    Reason.FENCE_INACTIVE: {"place": {"fence_disabled_at": NOON}},
    Reason.NOT_SCHEDULED: {"offer": {"ends_at": NOON}},
    Reason.SITE_CLOSED: {"offer": {"only_while_open": True}},
    Reason.STALE: {"crossed_at": NOON - 121 * SECOND},
    Reason.NO_CONSENT: {"person": {"grants": frozenset({"location_offers"})}},
    Reason.MINOR: {"person": {"age_band": "15_17"}},
    Reason.AUDIENCE: {"offer": {"audience": Audience(languages=("fi",))}},
    Reason.DISMISSED: {"history": [past(decided_at=NOON - 300 * DAY, was_dismissed=True)]},
    Reason.QUIET_HOURS: {"person": {"quiet_start": time(11), "quiet_end": time(13)}},
    Reason.CUSTOMER_LIMIT: {"offer": {"customer_limit": 1}, "history": [past(decided_at=NOON - 9 * DAY)]},
    Reason.RE_ELIGIBILITY: {
        "offer": {"re_eligible_after_s": 3600},
        "history": [past(decided_at=NOON - 3599 * SECOND)],
    },
    Reason.FREQUENCY_CAP: {"caps": [per_day(0)]},
    Reason.BUDGET_SPENT: {"budget": "spent"},
}
BUILDERS = {"offer": offer, "person": person, "place": place}


def asked(*broken: Reason, **changes: Any) -> Question:
    """A question in which exactly these rules fail."""
    merged: dict[str, Any] = {}
    for reason in broken:
        for name, value in BROKEN[reason].items():
            if name in BUILDERS:
                merged[name] = merged.get(name, {}) | value
            elif name == "history":
                merged[name] = [*merged.get(name, []), *value]
            else:
                merged[name] = value
    built = {name: BUILDERS[name](**value) if name in BUILDERS else value for name, value in merged.items()}
    return question(**built | changes)


def reason_of(**changes: Any) -> Reason:
    return decide(question(**changes)).reason


def named(rules: tuple[Rule, ...], reason: Reason) -> Rule:
    return next(rule for rule in rules if rule.name is reason)


def test_an_offer_with_nothing_against_it_is_delivered() -> None:
    decision = decide(question())
    assert decision.is_pass
    assert decision.reason is Reason.DELIVERED
    assert all(rule.passed for rule in decision.rules)


@pytest.mark.parametrize("reason", BROKEN)
def test_each_rule_suppresses_with_its_own_reason(reason: Reason) -> None:
    decision = decide(asked(reason))
    assert decision.reason is reason
    assert not decision.is_pass


@given(st.sets(st.sampled_from(list(BROKEN)), min_size=1))
def test_the_first_rule_that_fails_gives_the_reason_and_ends_the_trace(broken: set[Reason]) -> None:
    order = list(BROKEN)
    first = min(broken, key=order.index)
    decision = decide(asked(*broken))
    assert decision.reason is first
    failed = next(rule for rule in decision.rules if not rule.passed)
    assert failed.name is first
    later = [rule.name for rule in decision.rules if order.index(rule.name) > order.index(first)]
    assert later == [] or first in (Reason.FENCE_INACTIVE, Reason.NOT_SCHEDULED)


def test_the_trace_of_a_delivery_holds_every_rule() -> None:
    everything = asked(
        offer=offer(customer_limit=5, re_eligible_after_s=60, audience=Audience(languages=("en",))),
        history=[past(decided_at=NOON - DAY)],
        caps=[per_day(2)],
    )
    assert [rule.name for rule in decide(everything).rules] == list(BROKEN)
    assert len(RULES) == 14


# Stops, status, staleness


def test_a_stop_in_the_snapshot_or_after_it_stops_the_offer() -> None:
    assert reason_of(offer=offer(is_stopped=True)) is Reason.STOPPED
    assert reason_of(is_stopped=True) is Reason.STOPPED


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
def test_only_active_offers_run(status: str) -> None:
    assert reason_of(offer=offer(status=status)) is Reason.NOT_ACTIVE


def test_a_crossing_may_be_as_old_as_the_offer_allows() -> None:
    old = {"crossed_at": NOON - 300 * SECOND}
    assert reason_of(offer=offer(stale_after_s=300), **old) is Reason.DELIVERED
    assert reason_of(offer=offer(stale_after_s=299), **old) is Reason.STALE
    assert reason_of(crossed_at=NOON + SECOND) is Reason.DELIVERED


# Consent and quiet hours


def test_withdrawn_consent_blocks_delivery() -> None:
    withdrawn = person(grants=person().grants - {"marketing:1:push"})
    decision = decide(question(person=withdrawn))
    assert decision.reason is Reason.NO_CONSENT
    assert named(decision.rules, Reason.NO_CONSENT).numbers == {"missing": "marketing:1:push"}


@pytest.mark.parametrize("band", ["unknown", "under_15", "15_17"])
def test_whoever_is_not_known_to_be_an_adult_is_given_nothing_whatever_they_consented_to(
    band: AgeBand,
) -> None:
    decision = decide(question(person=person(age_band=band)))
    assert decision.reason is Reason.MINOR
    assert named(decision.rules, Reason.MINOR).numbers == {"age_band": band}


def test_quiet_hours_are_told_with_the_clock_of_the_person() -> None:
    decision = decide(question(now=utc("2026-06-10 19:30")))
    assert decision.reason is Reason.QUIET_HOURS
    numbers = named(decision.rules, Reason.QUIET_HOURS).numbers
    assert numbers == {"clock": "21:30:00", "start": "21:00", "end": "08:00"}


# What this person was given before


def test_a_dismissed_offer_is_never_repeated_but_others_are() -> None:
    history = [past(offer_id=2, was_dismissed=True, decided_at=NOON - DAY)]
    assert reason_of(history=history) is Reason.DELIVERED
    assert reason_of(history=history, offer=offer(offer_id=2)) is Reason.DISMISSED


def test_a_dismissal_holds_even_where_the_delivery_lost_its_slot() -> None:
    assert reason_of(history=[past(was_dismissed=True, takes_slot=False)]) is Reason.DISMISSED


@pytest.mark.parametrize(
    ("days", "age", "reason"),
    [
        (None, 4000 * DAY, Reason.CUSTOMER_LIMIT),
        (7, 7 * DAY, Reason.CUSTOMER_LIMIT),
        (7, 7 * DAY + SECOND, Reason.DELIVERED),
    ],
)
def test_a_limit_per_customer_counts_within_its_days_or_for_ever(
    days: int | None, age: timedelta, reason: Reason
) -> None:
    limited = offer(customer_limit=1, customer_limit_days=days)
    assert reason_of(offer=limited, history=[past(decided_at=NOON - age)]) is reason


def test_a_limit_per_customer_counts_this_offer_with_its_slot_whether_or_not_it_counts_toward_caps() -> None:
    limited = offer(customer_limit=1)
    assert reason_of(offer=limited, history=[past(takes_slot=False)]) is Reason.DELIVERED
    assert reason_of(offer=limited, history=[past(offer_id=2)]) is Reason.DELIVERED
    assert reason_of(offer=limited, history=[past(counts_toward_caps=False)]) is Reason.CUSTOMER_LIMIT


@pytest.mark.parametrize(
    ("age_s", "reason"),
    [(3600, Reason.DELIVERED), (3599, Reason.RE_ELIGIBILITY), (-60, Reason.RE_ELIGIBILITY)],
)
def test_an_offer_is_eligible_again_after_its_wait(age_s: int, reason: Reason) -> None:
    waiting = offer(re_eligible_after_s=3600)
    history = [past(decided_at=NOON - age_s * SECOND), past(decided_at=NOON - 9 * DAY)]
    assert reason_of(offer=waiting, history=history) is reason


def test_the_wait_does_not_start_with_a_delivery_that_lost_its_slot_or_was_another_offers() -> None:
    waiting = offer(re_eligible_after_s=3600)
    history = [past(takes_slot=False), past(offer_id=2)]
    assert reason_of(offer=waiting, history=history) is Reason.DELIVERED


# Caps and budgets


def test_the_strictest_cap_wins_and_all_that_bind_are_named() -> None:
    decision = decide(question(caps=[per_day(5, cap_id=1), per_day(1, cap_id=2)], history=[past(offer_id=2)]))
    assert decision.reason is Reason.FREQUENCY_CAP
    answers = [rule for rule in decision.rules if rule.name is Reason.FREQUENCY_CAP]
    assert [(rule.numbers["cap_id"], rule.passed) for rule in answers] == [(1, True), (2, False)]


def test_an_offer_that_ignores_caps_passes_them_and_says_so() -> None:
    decision = decide(question(caps=[per_day(0)], offer=offer(ignores_caps=True)))
    assert decision.is_pass
    assert named(decision.rules, Reason.FREQUENCY_CAP).numbers == {"ignores_caps": True}


def test_an_offer_that_does_not_count_toward_caps_still_obeys_them() -> None:
    uncounted = offer(counts_toward_caps=False)
    assert reason_of(offer=uncounted, caps=[per_day(1)], history=[past(offer_id=2)]) is Reason.FREQUENCY_CAP


@pytest.mark.parametrize(
    ("budget", "left", "reason"),
    [
        ("free", None, Reason.DELIVERED),
        ("free", 1, Reason.DELIVERED),
        ("free", 0, Reason.BUDGET_SPENT),
        ("spent", None, Reason.BUDGET_SPENT),
        ("reserved", None, Reason.BUDGET_RESERVED),
        ("reserved", 0, Reason.BUDGET_SPENT),
    ],
)
def test_an_offer_needs_budget_and_stock(budget: str, left: int | None, reason: Reason) -> None:
    assert reason_of(budget=budget, offer=offer(redemptions_left=left)) is reason


# Quiet hours: dropped, held, silent

NIGHT = {"quiet_start": time(11), "quiet_end": time(13)}
HOLDS = offer(when_quiet="hold")


def test_an_offer_that_waits_is_held_until_the_quiet_hours_are_over_and_spread() -> None:
    decision = decide(question(offer=HOLDS, person=person(**NIGHT)))
    assert decision.reason is Reason.HELD
    assert not decision.is_pass
    assert decision.hold_until is not None
    assert utc("2026-06-10 11:00") <= decision.hold_until < utc("2026-06-10 11:30")


def test_one_that_is_held_already_is_not_held_twice() -> None:
    assert reason_of(offer=HOLDS, person=person(**NIGHT), holds={1}) is Reason.ALREADY_HELD
    assert reason_of(offer=HOLDS, person=person(**NIGHT), holds={2}) is Reason.HELD


@pytest.mark.parametrize("reason", [Reason.STOPPED, Reason.NO_CONSENT, Reason.AUDIENCE, Reason.DISMISSED])
def test_what_will_not_change_over_night_is_not_held(reason: Reason) -> None:
    decision = decide(asked(reason, Reason.QUIET_HOURS))
    assert decision.reason is reason


@pytest.mark.parametrize("reason", [Reason.CUSTOMER_LIMIT, Reason.FREQUENCY_CAP, Reason.BUDGET_SPENT])
def test_what_may_be_free_in_the_morning_is_held(reason: Reason) -> None:
    held = asked(reason, Reason.QUIET_HOURS)
    held = msgspec.structs.replace(held, offer=msgspec.structs.replace(held.offer, when_quiet="hold"))
    assert decide(held).reason is Reason.HELD


def test_nothing_is_held_for_longer_than_a_day() -> None:
    always = {"quiet_start": time(12), "quiet_end": time(11, 59)}
    assert reason_of(offer=HOLDS, person=person(**always)) is Reason.QUIET_HOURS


def test_a_held_offer_may_be_a_day_old() -> None:
    assert reason_of(crossed_at=NOON - DAY, was_held=True) is Reason.DELIVERED
    assert reason_of(crossed_at=NOON - DAY - SECOND, was_held=True) is Reason.STALE
    decision = decide(question(crossed_at=NOON - DAY, was_held=True))
    assert named(decision.rules, Reason.STALE).numbers["was_held"] is True


@pytest.mark.parametrize(
    ("needs", "was_held", "present", "reason"),
    [
        (True, True, False, Reason.NOT_PRESENT),
        (True, True, True, Reason.DELIVERED),
        (False, True, False, Reason.DELIVERED),
        (True, False, False, Reason.DELIVERED),
    ],
)
def test_only_a_held_offer_may_need_that_one_is_still_there(
    needs: bool, was_held: bool, present: bool, reason: Reason
) -> None:
    there = offer(when_quiet="hold", needs_presence=needs)
    assert reason_of(offer=there, was_held=was_held, is_present=present) is reason


@pytest.mark.parametrize(
    ("visits_ago_h", "reason"),
    [((), Reason.DELIVERED), ((10,), Reason.DELIVERED), ((48, 10), Reason.AUDIENCE)],
)
def test_an_offer_held_for_a_newcomer_still_finds_a_newcomer(
    visits_ago_h: tuple[int, ...], reason: Reason
) -> None:
    for_newcomers = offer(audience=Audience(visits_at_most=0, if_not_known="exclude"))
    stays = tuple(NOON - timedelta(hours=hours) for hours in visits_ago_h)
    who = person(visits={1: stays}, grants=person().grants | {"personalisation"})
    held = {"crossed_at": NOON - timedelta(hours=10), "was_held": True}
    assert reason_of(offer=for_newcomers, person=who, **held) is reason


def test_an_offer_that_is_silent_when_quiet_goes_to_the_inbox() -> None:
    silent = offer(when_quiet="inbox_only")
    decision = decide(question(offer=silent, person=person(**NIGHT)))
    assert decision.is_pass
    assert decision.offer.channel == "inbox"
    assert named(decision.rules, Reason.QUIET_HOURS).numbers["inbox_only"] is True
    assert decide(question(offer=silent)).offer.channel == "push"


def test_who_did_not_agree_to_the_inbox_is_not_given_it_silently_either() -> None:
    push_alone = person(grants=frozenset({"location_offers", "marketing:1:push"}), **NIGHT)
    assert reason_of(offer=offer(when_quiet="inbox_only"), person=push_alone) is Reason.NO_CONSENT


def test_a_silent_delivery_counts_as_one_to_the_inbox() -> None:
    silent = question(
        offer=offer(when_quiet="inbox_only"), person=person(**NIGHT), caps=[per_day(0, channel="inbox")]
    )
    assert decide(silent).reason is Reason.FREQUENCY_CAP


def test_an_inbox_offer_is_dropped_in_quiet_hours_unless_it_says_otherwise() -> None:
    assert reason_of(offer=offer(channel="inbox"), person=person(**NIGHT)) is Reason.QUIET_HOURS
    silent = offer(channel="inbox", when_quiet="inbox_only")
    assert reason_of(offer=silent, person=person(**NIGHT)) is Reason.DELIVERED


# Every rule at once


@given(st.sets(st.sampled_from(list(BROKEN))))
def test_an_examination_falls_as_the_decision_and_tells_every_rule(broken: set[Reason]) -> None:
    q = asked(*broken)
    examined, decision = examine(q), decide(q)
    assert examined.reason is decision.reason
    assert examined.rules[: len(decision.rules)] == decision.rules
    assert {rule.name for rule in examined.rules if not rule.passed} == broken


# Which offers a crossing concerns


@pytest.mark.parametrize(
    ("ties", "concerned"),
    [
        ({"fence_ids": frozenset({1, 2})}, True),
        ({"fence_ids": frozenset({2})}, False),
        ({"fence_ids": frozenset(), "fence_tags": frozenset({"centre"})}, True),
        ({"fence_ids": frozenset(), "fence_tags": frozenset({"north"})}, False),
        ({"fence_ids": frozenset(), "site_ids": frozenset({7})}, True),
        ({"fence_ids": frozenset(), "site_ids": frozenset({8})}, False),
        ({"fence_ids": frozenset()}, False),
        ({"retailer_id": 2}, False),
    ],
)
def test_an_offer_concerns_its_retailers_fences_by_id_tag_or_site(
    ties: dict[str, Any], concerned: bool
) -> None:
    where = place(site_id=7, fence_tags=frozenset({"centre", "food"}))
    assert concerns(offer(**ties), where) is concerned


def test_a_fence_without_a_site_concerns_no_site() -> None:
    assert not concerns(offer(fence_ids=frozenset(), site_ids=frozenset({7})), place(site_id=None))


def test_only_offers_with_the_trigger_of_the_crossing_are_asked_about() -> None:
    on_enter, on_exit = offer(offer_id=1), offer(offer_id=2, triggers=("exit", "dwell"))
    elsewhere = offer(offer_id=3, fence_ids=frozenset({9}))
    assert offers_for("enter", place(), [on_enter, on_exit, elsewhere]) == [on_enter]
    assert offers_for("dwell", place(), [on_enter, on_exit, elsewhere]) == [on_exit]
    assert offers_for("nearby", place(), [on_enter, on_exit, elsewhere]) == []
