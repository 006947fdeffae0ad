"""From what the phones experienced to a verdict: watches, truth, scores."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulator.city import City
from simulator.journal import LOCATION, PARKING, Grant, Journal
from simulator.phones import PhoneAtWork
from simulator.plane import Plane
from simulator.score import Claim, Kind, Score, is_a_clear_change, must_be_found, score
from simulator.truth import Stay, flat_shapes, true_stays
from simulator.watching import refused_although_for_parking, watched


class Verdict(NamedTuple):
    """`scores` by the rule as it stands, `clear` of the changes that are clear on both sides.

    `refused` counts by status the plausible fixes that were not accepted, though consent was certain.
    """

    stays: int
    scores: dict[Kind, Score]
    clear: dict[Kind, Score]
    refused: Counter[str]


def judge(
    phones: Sequence[PhoneAtWork], city: City, plane: Plane, claims: Iterable[Claim], journal: Journal
) -> Verdict:
    """The claims of the server against where the phones truly were."""
    location, parking = Grant(LOCATION), Grant(PARKING)
    followed = [
        watched(phone.phone.number, phone.track, phone.sent, journal.consent(phone.customer_id, location))
        for phone in phones
    ]
    for_parking = [
        refused_although_for_parking(
            phone.track,
            phone.sent,
            journal.consent(phone.customer_id, location),
            journal.consent(phone.customer_id, parking),
        )
        for phone in phones
    ]
    watches = [watch for each in followed for watch in each.watches]
    stays = true_stays(watches, flat_shapes(city.fences, plane))
    told = list(claims)
    entered: dict[tuple[int, int], list[float]] = defaultdict(list)
    for claim in told:
        if claim.kind == "enter":
            entered[claim.phone, claim.fence].append(claim.at_s)

    def is_told(stay: Stay) -> bool:
        return is_told_again(stay, entered[stay.phone, stay.fence], city.retrigger_s[stay.fence])

    return Verdict(
        stays=len(stays),
        scores=score(stays, told, lambda stay, kind: must_be_found(stay, kind) and is_told(stay)),
        clear=score(stays, told, lambda stay, kind: is_a_clear_change(stay, kind) and is_told(stay)),
        refused=sum([*(each.refused for each in followed), *for_parking], Counter()),
    )


def is_told_again(stay: Stay, entered_s: Iterable[float], retrigger_s: float) -> bool:
    """Whether a fence owes word of a stay: it may keep silent about a phone that comes back too soon.

    Too soon is within `retrigger_s` of the last enter that was told of an earlier stay.
    """
    left_s = stay.enter_s - stay.before.seconds
    last_s = max((at_s for at_s in entered_s if at_s <= left_s), default=None)
    return last_s is None or stay.enter_s >= last_s + retrigger_s
