"""For random rules and histories the engine decides as a slow reference that was written apart from it.

Case N is drawn from seed N. `REFERENCE_CASES=4711 pytest tests/reference` runs one again, `0-100000` more.
"""

import os
from collections import Counter

import pytest

from offers.terms import Reason
from tests.reference.decision import Reference
from tests.reference.differences import differences, smallest, told
from tests.reference.invented_cases import invent

CASES = 10_000
MOMENTS = ("crossing", "letting_go")
# A property that is never asked about a rule proves nothing of it: each reason is met at least so often.
OFTEN = 300
# Rarer by nature, or met on the way only.
SELDOM = 10
# Given by the engine itself when something broke; no rule says it.
NOT_A_RULE = {Reason.FAILED}
# Whoever stays away from a fence is only asked about when something is let go; what is let go waits already.
NOT_OF_A_CROSSING = {Reason.NOT_PRESENT}
NOT_OF_LETTING_GO = {Reason.HELD, Reason.ALREADY_HELD}


def seeds() -> range:
    first, _, last = os.environ.get("REFERENCE_CASES", f"0-{CASES}").partition("-")
    return range(int(first), int(last) if last else int(first) + 1)


def test_ten_thousand_random_cases_are_decided_as_the_reference_decides_them():
    for seed in seeds():
        case = invent(seed)
        try:
            is_refuted = bool(differences(case))
        except Exception as broken:
            broken.add_note(f"case {seed}")
            raise
        if is_refuted:
            found = smallest(case)
            pytest.fail(f"case {seed}: " + "\n".join([*differences(found), told(found)]), pytrace=False)


def test_the_cases_meet_every_reason_and_every_branch():
    met, branches = what_is_met()
    rules = set(Reason) - NOT_A_RULE
    rare = {reason: sum(met[moment, reason] for moment in MOMENTS) for reason in rules}
    assert {reason: n for reason, n in rare.items() if n < OFTEN} == {}
    wanted = {("crossing", reason) for reason in rules - NOT_OF_A_CROSSING}
    wanted |= {("letting_go", reason) for reason in rules - NOT_OF_LETTING_GO}
    assert {one: met[one] for one in wanted if met[one] < SELDOM} == {}
    assert {branch: n for branch, n in branches.items() if n < SELDOM} == {}


def what_is_met() -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """How often each reason falls at each moment, and how often each branch that has no reason is taken."""
    met: Counter[tuple[str, str]] = Counter()
    branches: Counter[str] = Counter()
    for case in map(invent, range(CASES)):
        outcome = Reference(case).decide()
        for (_, _, moment, reason), n in outcome.counts.items():
            met[moment, reason] += n
        waited = {crossing.crossing_id for crossing in case.let_go}
        branches["let go and held once more"] += sum(one in waited for one, _, _ in outcome.held)
        branches["held out of one, given another"] += bool(outcome.held_out and outcome.given)
        branches["several given in one flush"] += len(outcome.given) > 1
        branches["nothing given"] += not outcome.given
        for drawn_for in ("everything", "offer"):
            branches[f"held out of {drawn_for}"] += sum(drawn == drawn_for for *_, drawn in outcome.held_out)
    return met, branches
