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
# A property that is never asked about a rule proves nothing of it: each reason is met at least so often.
OFTEN = 300
# Given by the engine itself when something broke; no rule says it.
NOT_A_RULE = {Reason.FAILED}


def seeds() -> range:
    first, _, last = os.environ.get("REFERENCE_CASES", f"0-{CASES}").partition("-")
    return range(int(first), int(last) if last else int(first) + 1)


def test_ten_thousand_random_cases_are_decided_as_the_reference_decides_them():
    for seed in seeds():
        case = invent(seed)
        if differences(case):
            found = smallest(case)
            pytest.fail(f"case {seed}: " + "\n".join([*differences(found), told(found)]), pytrace=False)


def test_the_cases_meet_every_reason_and_every_branch():
    met: Counter[str] = Counter()
    for seed in range(0, CASES, 5):
        case = invent(seed)
        outcome = Reference(case).decide()
        for (_, _, moment, reason), n in outcome.counts.items():
            met[f"{reason} when {moment}"] += n
            met[reason] += n
        met["held again"] += sum(offer_id in case.holds for _, offer_id, _ in outcome.held)
    missed = {str(reason): met[reason] for reason in Reason if reason not in NOT_A_RULE}
    rare = {reason: n for reason, n in missed.items() if n < OFTEN / 5}
    assert not rare, met
