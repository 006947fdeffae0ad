"""A rehearsal is what the engine's decider says, with every rule, of a scene that is left as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offers.engine.invented import InventedDelivery, InventedGrants, InventedPerson, customer_of
from offers.engine.loading import Customer
from offers.engine.rehearsal import Rehearsal, Scene, Setting, Standpoint, rehearse
from offers.holdouts import lot
from offers.terms import Defaults, Offer, Reason
from tests.offers.invented import CUSTOMER, NO_QUIET, NOON, offer, past, per_day, person, place

PHONE = UUID("77777777-7777-4777-8777-777777777777")


def scene(*offers: Offer, **changes: Any) -> Scene:
    setting = {"caps": (), "defaults": NO_QUIET, "stopped": ()} | changes.pop("setting", {})
    plain: dict[str, Any] = {
        "bucket": 5,
        "customer": Customer(person(), ()),
        "device_id": PHONE,
        "at": NOON,
        "trigger": "enter",
        "standpoints": (Standpoint(place(), "Fence", 12.0),),
        "offers": offers,
        "setting": Setting(**setting),
        "budgets": {},
    }
    return Scene(**plain | changes)


def reasons(rehearsal: Rehearsal) -> dict[int, Reason | str | None]:
    return {one.offer.offer_id: one.reason or one.not_considered for one in rehearsal.examined}


def test_one_wins_and_the_others_are_outranked() -> None:
    rehearsal = rehearse(scene(offer(), offer(offer_id=2, priority=1)))
    assert rehearsal.winner == (2, 1)
    assert reasons(rehearsal) == {1: Reason.OUTRANKED, 2: Reason.DELIVERED}
    assert [candidate.offer.offer_id for candidate, _ in rehearsal.ranking] == [2, 1]


def test_the_scene_is_left_as_it_was() -> None:
    customer = Customer(person(), [past(offer_id=8)], last_seq=4)
    same = scene(offer(), customer=customer)
    assert rehearse(same).winner == rehearse(same).winner == (1, 1)
    assert (len(customer.history), customer.last_seq, customer.holds) == (1, 4, set())


@pytest.mark.parametrize(
    ("state", "reason"),
    [("free", Reason.DELIVERED), ("spent", Reason.BUDGET_SPENT), ("reserved", Reason.BUDGET_RESERVED)],
)
def test_a_budget_is_as_it_is_told(state: Any, reason: Reason) -> None:
    limited = offer(delivery_budget=5)
    assert reasons(rehearse(scene(limited, budgets={1: state}))) == {1: reason}


def test_a_budget_of_which_nothing_is_told_is_spent() -> None:
    assert reasons(rehearse(scene(offer(delivery_budget=5)))) == {1: Reason.BUDGET_SPENT}


def test_who_is_held_out_leaves_it_to_the_next() -> None:
    drawn = next(f"salt {n}" for n in range(99) if lot(f"salt {n}", CUSTOMER, 2) < 5_000)
    defaults = Defaults(quiet_start=NO_QUIET.quiet_start, quiet_end=NO_QUIET.quiet_end, holdout_salt=drawn)
    rehearsal = rehearse(
        scene(offer(), offer(offer_id=2, priority=1, holdout_percent=50), setting={"defaults": defaults})
    )
    assert reasons(rehearsal) == {1: Reason.DELIVERED, 2: Reason.HOLDOUT}
    draws = {one.offer.offer_id: one.draws for one in rehearsal.examined}
    assert draws[1] == ()
    assert [draw.passed for draw in draws[2]] == [False]
    assert rehearsal.winner == (1, 1)


def test_who_is_held_out_of_everything_is_given_nothing() -> None:
    drawn = next(f"salt {n}" for n in range(99) if lot(f"salt {n}", CUSTOMER, None) < 5_000)
    defaults = Defaults(
        quiet_start=NO_QUIET.quiet_start,
        quiet_end=NO_QUIET.quiet_end,
        holdout_salt=drawn,
        holdout_percent=50,
    )
    rehearsal = rehearse(scene(offer(), offer(offer_id=2, priority=1), setting={"defaults": defaults}))
    assert reasons(rehearsal) == {1: Reason.OUTRANKED, 2: Reason.HOLDOUT}
    assert rehearsal.winner is None


def test_an_offer_that_waits_already_is_not_held_again() -> None:
    night = NOON.replace(hour=21)
    held = offer(when_quiet="hold")
    waits = scene(held, at=night, setting={"defaults": Defaults()})
    (one,) = rehearse(waits).examined
    assert one.reason is Reason.HELD
    assert one.hold_until is not None
    assert one.hold_until > night
    again = scene(
        held, at=night, setting={"defaults": Defaults()}, customer=Customer(person(), (), holds=[1])
    )
    (one,) = rehearse(again).examined
    assert (one.reason, one.hold_until) == (Reason.ALREADY_HELD, None)


def test_what_could_only_be_given_later_loses_against_what_is_given_now() -> None:
    night = NOON.replace(hour=21)
    silent = offer(offer_id=2, when_quiet="inbox_only")
    rehearsal = rehearse(scene(offer(when_quiet="hold"), silent, at=night, setting={"defaults": Defaults()}))
    assert reasons(rehearsal) == {1: Reason.OUTRANKED, 2: Reason.DELIVERED}


def test_without_a_fence_nothing_is_considered() -> None:
    assert reasons(rehearse(scene(offer(), standpoints=()))) == {1: "not_here"}
    elsewhere = offer(fence_ids=frozenset({9}))
    assert reasons(rehearse(scene(elsewhere, offer(offer_id=2, triggers=("exit",))))) == {
        1: "not_here",
        2: "other_trigger",
    }


def test_a_stop_that_is_newer_than_the_offer_counts() -> None:
    assert reasons(rehearse(scene(offer(), setting={"stopped": {1}}))) == {1: Reason.STOPPED}


# Invented people


def test_an_invented_person_is_the_same_again_and_another_lot_is_another() -> None:
    one = customer_of(InventedPerson(lot=3), (), (1,)).person
    assert one == customer_of(InventedPerson(lot=3), (), (1,)).person
    assert one.customer_id != customer_of(InventedPerson(lot=4), (), (1,)).person.customer_id


def test_what_was_given_takes_channel_and_tags_of_the_offer_unless_it_says_others() -> None:
    known = offer(offer_id=7, retailer_id=2, channel="inbox", tags=("tea",))
    said = InventedPerson(
        history=(
            InventedDelivery(decided_at=NOON, offer_id=7),
            InventedDelivery(decided_at=NOON, offer_id=7, channel="push", tags=()),
            InventedDelivery(decided_at=NOON),
            InventedDelivery(decided_at=NOON, offer_id=8),
        )
    )
    history = customer_of(said, [known], (2,)).history
    assert [(one.offer_id, one.retailer_id, one.channel, one.tags) for one in history] == [
        (7, 2, "inbox", ("tea",)),
        (7, 2, "push", ()),
        (0, 0, "push", ()),
        (0, 0, "push", ()),
    ]


def test_visits_and_attributes_are_known_with_consent_only() -> None:
    said = {"visits": (NOON,), "attributes": {"tier": "gold"}}
    without = customer_of(InventedPerson(**said), (), (1,)).person
    assert (without.visits, without.attributes) == (None, None)
    consents = InventedGrants(
        personalisation=True, location_offers=True, measurement=True, marketing=("push",)
    )
    with_it = customer_of(InventedPerson(grants=consents, **said), (), (1, 2)).person
    assert with_it.visits == {1: (NOON,), 2: (NOON,)}
    assert with_it.attributes == {1: {"tier": "gold"}, 2: {"tier": "gold"}}
    assert with_it.grants == {
        "personalisation", "location_offers", "measurement", "marketing:1:push", "marketing:2:push",
    }  # fmt: skip


# Whatever is asked


offers_of = st.builds(
    lambda number, priority, limit, when_quiet, held, status: offer(
        offer_id=number,
        priority=priority,
        customer_limit=limit,
        when_quiet=when_quiet,
        holdout_percent=held,
        status=status,
    ),
    st.integers(1, 6),
    st.integers(-1, 1),
    st.sampled_from([None, 1]),
    st.sampled_from(["drop", "hold", "inbox_only"]),
    st.sampled_from([0, 50]),
    st.sampled_from(["active", "active", "paused", "draft"]),
)


@settings(max_examples=200)
@given(
    st.lists(offers_of, max_size=5, unique_by=lambda one: one.offer_id),
    st.integers(0, 23),
    st.lists(st.integers(1, 6), max_size=3),
    st.integers(1, 50),
)
def test_at_most_one_is_given_and_it_is_the_first_that_may(
    offers: list[Offer], hour: int, given_before: list[int], number: int
) -> None:
    who = person(customer_id=UUID(int=number))
    history = [past(offer_id=one, decided_at=NOON - timedelta(days=2)) for one in given_before]
    asked = scene(
        *offers,
        at=NOON.replace(hour=hour),
        customer=Customer(who, history),
        setting={"defaults": Defaults(holdout_salt="s"), "caps": (per_day(1),)},
    )
    rehearsal = rehearse(asked)
    given_now = [one for one in rehearsal.examined if one.reason is Reason.DELIVERED]
    assert [(one.offer.offer_id, 1) for one in given_now] == (
        [] if rehearsal.winner is None else [rehearsal.winner]
    )
    passing = {one.offer.offer_id for one in rehearsal.examined if all(rule.passed for rule in one.rules)}
    assert {candidate.offer.offer_id for candidate, _ in rehearsal.ranking} == passing
    for candidate, _ in rehearsal.ranking:
        (one,) = [each for each in rehearsal.examined if each.offer.offer_id == candidate.offer.offer_id]
        if one.reason is Reason.DELIVERED:
            break
        assert one.reason is Reason.HOLDOUT, "the first that is not held out is given"
    for one in rehearsal.examined:
        assert (one.hold_until is not None) == (one.reason is Reason.HELD)
