"""From what the phones experienced to a verdict: watches, truth, scores."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulator.city import City
from simulator.phones import PhoneAtWork
from simulator.plane import Plane
from simulator.score import Claim, Kind, Score, is_a_clear_change, must_be_found, score
from simulator.truth import ALWAYS_AWAY, Stay, Watch, flat_shapes, true_stays


class Verdict(NamedTuple):
    """`scores` by the rule as it stands, `clear` of the changes that are clear on both sides."""

    stays: int
    scores: dict[Kind, Score]
    clear: dict[Kind, Score]


def judge(phones: Sequence[PhoneAtWork], city: City, plane: Plane, claims: Iterable[Claim]) -> Verdict:
    """The claims of the server against where the phones truly were."""
    watches = [watch for phone in phones for watch in watches_of(phone)]
    stays = true_stays(watches, flat_shapes(city.fences, plane))
    told = list(claims)

    def is_told_again(stay: Stay) -> bool:
        """A fence with a re-trigger time may keep silent about a phone that came back."""
        return city.retrigger_s[stay.fence] == 0 or stay.before == ALWAYS_AWAY

    return Verdict(
        stays=len(stays),
        scores=score(stays, told, lambda stay, kind: must_be_found(stay, kind) and is_told_again(stay)),
        clear=score(stays, told, lambda stay, kind: is_a_clear_change(stay, kind) and is_told_again(stay)),
    )


def watches_of(phone: PhoneAtWork) -> list[Watch]:
    """The times between withdrawals in which fixes were accepted: each begins from nothing."""
    by_withdrawals: dict[int, list[float]] = {}
    for seconds, withdrawals in phone.accepted:
        by_withdrawals.setdefault(withdrawals, []).append(seconds)
    return [
        Watch(phone.phone.number, phone.track.walk, min(seconds), max(seconds))
        for seconds in by_withdrawals.values()
    ]
