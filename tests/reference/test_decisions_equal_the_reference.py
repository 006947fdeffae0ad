"""For random rules and histories the engine decides as a slow reference that was written apart from it.

Case N is drawn from seed N. `REFERENCE_CASES=4711 pytest tests/reference` runs one again, `0-100000` more.
"""

import os
from collections import Counter
from itertools import product

import pytest

from offers.terms import Reason
from tests.reference.decision import Reference, is_limited
from tests.reference.differences import differences, smallest, told
from tests.reference.facts import Case
from tests.reference.invented_cases import invent
from tests.reference.rules import Asked, is_reached

CASES = 10_000
# A property that is never asked about a rule proves nothing of it: in so many cases each of these happens.
SAMPLE = range(0, CASES, 2)
OFTEN = 50
RARELY = 5
# Given by the engine itself when something broke; no rule says it.
NOT_A_RULE = {Reason.FAILED}
# What waits already is only asked of a crossing, who is still there only of what waited.
AT_CROSSINGS_ONLY = {Reason.HELD, Reason.ALREADY_HELD}
WHEN_LET_GO_ONLY = {Reason.NOT_PRESENT}


def seeds() -> range:
    first, _, last = os.environ.get("REFERENCE_CASES", f"0-{CASES}").partition("-")
    return range(int(first), int(last) if last else int(first) + 1)


def test_ten_thousand_random_cases_are_decided_as_the_reference_decides_them():
    for seed in seeds():
        case = invent(seed)
        if differences(case):
            found = smallest(case)
            pytest.fail(f"case {seed}: " + "\n".join([*differences(found), told(found)]), pytrace=False)


def test_the_random_cases_meet_every_reason_when_crossing_and_when_let_go():
    met: Counter[str] = Counter()
    for seed in SAMPLE:
        met.update(met_by(invent(seed)))
    rules = set(Reason) - NOT_A_RULE
    wanted = {f"{reason} when crossing": OFTEN for reason in rules - WHEN_LET_GO_ONLY}
    wanted |= {f"{reason} when letting_go": RARELY for reason in rules - AT_CROSSINGS_ONLY}
    wanted |= dict.fromkeys(BRANCHES, RARELY)
    rare = {what: met[what] for what, often in wanted.items() if met[what] < often}
    assert not rare


BRANCHES = [
    "held again",
    "held after a draw",
    "the next wins after a draw",
    "drawn for everything",
    "drawn for offer",
    "given again in one flush",
    "given to the inbox instead",
    "given of a budget",
    "given although caps are reached",
    *(
        f"reached {scope} {window}"
        for scope in ("system", "each_retailer", "retailer", "offer")
        for window in ("rolling", "day", "week", "month")
    ),
]


def met_by(case: Case) -> Counter[str]:
    """How often each thing happens in the case, as far as its outcome tells."""
    outcome = Reference(case).decide()
    offers = {offer.offer_id: offer for offer in case.offers}
    met: Counter[str] = Counter()
    for (_, _, moment, reason), n in outcome.counts.items():
        met[f"{reason} when {moment}"] += n
    let_go = {crossing.crossing_id for crossing in case.let_go}
    met["held again"] += sum(crossing in let_go for crossing, _, _ in outcome.held)
    of_itself = [crossing for crossing, _, drawn_for in outcome.held_out if drawn_for == "offer"]
    met["held after a draw"] += bool(of_itself and outcome.held)
    met["the next wins after a draw"] += sum(crossing in of_itself for crossing, _, _ in outcome.given)
    met.update(f"drawn for {drawn_for}" for _, _, drawn_for in outcome.held_out)
    given = [offers[offer_id] for _, offer_id, _ in outcome.given]
    met["given again in one flush"] += len(given) > 1
    met["given of a budget"] += sum(is_limited(offer) for offer in given)
    met["given to the inbox instead"] += sum(offers[one].channel != how for _, one, how in outcome.given)
    for cap, offer in product(case.caps, case.offers):
        asked = Asked(case, case.crossings[0], offer, case.history, case.holds, "free")
        if is_reached(cap, asked):
            met[f"reached {cap.scope} {cap.calendar_unit or cap.window}"] += 1
            met["given although caps are reached"] += offer.ignores_caps and offer in given
    return met
