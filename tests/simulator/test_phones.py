"""What a phone makes of an answer: fixes by their ids, crossings of known and unknown fences."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from numpy.random import SeedSequence

from simulator import wire
from simulator.client import Answer, Api
from simulator.enrolment import Enrolled
from simulator.journal import Journal, Redemption, Span
from simulator.offers import rightly_refused
from simulator.people import Inventor
from simulator.phones import OTHER_FIXES, PhoneAtWork
from simulator.testimony import KnownOffer
from simulator.tracks import Track
from simulator.walks import standing
from simulator.world import Customer, World

START = datetime(2026, 11, 19, 10, tzinfo=UTC)
Hear = Callable[[list[int], dict[str, Any]], None]


@pytest.fixture
def world() -> World:
    journal = Journal()
    journal.clock.append((START, Span(next(journal.order), next(journal.order))))
    return World(cast("Api", None), journal, START, {}, offers={}, fence_numbers={70: 0})


@pytest.fixture
def phone(world: World) -> PhoneAtWork:
    (held,) = Inventor([7], ["coffee"], START, 600).people_and_phones(SeedSequence(1), 1, 15)
    seconds = np.arange(40) * 15.0
    track = Track(standing(np.zeros(2)), seconds, np.zeros((40, 2)), np.full(40, 12.0), np.zeros(40))
    return PhoneAtWork(Enrolled(world, held, "token", Customer("ann")), track, SeedSequence(2))


@pytest.fixture
def hear(world: World, phone: PhoneAtWork) -> Hear:
    def answered(fixes: list[int], body: dict[str, Any]) -> None:
        said = {"fixes": [], "crossings": [], "deliveries": []} | body
        order = world.journal.order
        phone._hear(Answer(200, msgspec.json.encode(said), "", Span(next(order), next(order))), fixes)

    return answered


def outcome(number: int, status: str = "accepted", **more: str) -> dict[str, str]:
    return {"fix_id": f"0-{number}", "status": status, **more}


def test_outcomes_belong_to_the_fixes_they_name_in_whatever_order(
    world: World, phone: PhoneAtWork, hear: Hear
) -> None:
    hear([5, 2], {"fixes": [outcome(2, "rejected", reason="mocked"), outcome(5)]})
    assert [(sent.number, sent.status) for sent in phone.sent] == [(5, "accepted"), (2, "rejected:mocked")]
    assert not world.contradictions


@pytest.mark.parametrize(
    "outcomes",
    [[], [outcome(5)], [outcome(5), outcome(3)], [outcome(5), outcome(5)],
     [outcome(2), outcome(5), outcome(5)]],
)  # fmt: skip
def test_an_answer_about_other_fixes_than_were_sent_is_an_error(
    world: World, phone: PhoneAtWork, hear: Hear, outcomes: list[dict[str, str]]
) -> None:
    hear([5, 2], {"fixes": outcomes})
    assert world.contradictions == {OTHER_FIXES: 1}
    assert len(phone.sent) == 2


def test_a_crossing_of_an_unknown_fence_is_a_claim_like_any_other(world: World, hear: Hear) -> None:
    world.fences_not_judged = {72}
    at = (START + timedelta(seconds=30)).isoformat()
    crossings = [
        {"crossing_id": f"c{fence_id}", "fence_id": fence_id, "kind": "enter", "at": at}
        for fence_id in (70, 71, 72)
    ]
    hear([1], {"fixes": [outcome(1)], "crossings": crossings})
    assert [(claim.fence, claim.at_s) for claim in world.claims] == [(0, 30), (1, 30)]
    assert len(world.crossing_kinds) == 3


def delivery(offer_id: int, code: str) -> wire.Delivery:
    return wire.Delivery("d", 1, offer_id, 7, "push", code, [], START)


def test_a_code_may_be_called_used_only_after_it_was_accepted(world: World) -> None:
    assert "already_redeemed" not in rightly_refused(delivery(1, "A"), world)
    world.journal.redemptions["r1"] = Redemption("r1", 1, "A")
    assert "already_redeemed" in rightly_refused(delivery(1, "A"), world)
    assert "already_redeemed" not in rightly_refused(delivery(1, "B"), world)


def test_only_an_offer_with_a_stock_may_be_out_of_it(world: World) -> None:
    world.offers = {
        1: KnownOffer(7, "push", frozenset(), has_stock=True),
        2: KnownOffer(7, "push", frozenset()),
    }
    may_be = {n: "stock_exhausted" in rightly_refused(delivery(n, "A"), world) for n in (1, 2, 3)}
    assert may_be == {1: True, 2: False, 3: False}
