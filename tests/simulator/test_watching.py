"""Which fixes a server had to believe, by what the simulator knows of consent; never by its answers."""

from collections import Counter
from itertools import count

import numpy as np
import pytest

from simulator.journal import Change, History, Span
from simulator.tracks import Track
from simulator.walks import standing
from simulator.watching import SentFix, Watched, refused_although_for_parking, watched

WALK = standing(np.array([0.0, 0.0]))
SECONDS = np.arange(20) * 15.0


def track(**changes: float) -> Track:
    accuracy_m = np.full(20, 12.0)
    for number, accuracy in changes.items():
        accuracy_m[int(number.removeprefix("fix_"))] = accuracy
    return Track(WALK, SECONDS, np.zeros((20, 2)), accuracy_m, np.zeros(20))


class Story:
    """Fixes and answers about consent, one after the other."""

    def __init__(self) -> None:
        self.marks = count()
        self.location: History[bool] = History(False)
        self.sent: list[SentFix] = []

    def says(self, granted: bool, *, answered: bool = True) -> None:
        sent, heard = next(self.marks), next(self.marks)
        self.location.changes.append(Change(granted, sent, heard if answered else None))

    def sends(self, *numbers: int, status: str = "accepted") -> None:
        request = Span(next(self.marks), next(self.marks))
        self.sent += [SentFix(number, request, status) for number in numbers]

    def watched(self, of: Track | None = None) -> Watched:
        return watched(3, of or track(), self.sent, self.location)

    def times(self) -> list[tuple[float, float]]:
        return [(watch.from_s, watch.until_s) for watch in self.watched().watches]


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_phone_is_watched_from_its_first_fix_under_consent_to_its_last(story: Story) -> None:
    story.sends(0)
    story.says(True)
    story.sends(1)
    story.sends(2, 3)
    assert story.times() == [(15, 45)]
    assert story.watched().watches[0].phone == 3
    assert story.watched().refused == Counter()


@pytest.mark.parametrize("status", ["no_location_consent", "rejected:mocked", "duplicate", "unanswered"])
def test_refusing_fixes_under_certain_consent_shrinks_no_watch_and_is_an_error(
    story: Story, status: str
) -> None:
    story.says(True)
    story.sends(1, status=status)
    story.sends(2)
    story.sends(3, 4, status=status)
    assert story.times() == [(15, 60)]
    assert story.watched().refused == {status: 3}


def test_a_refusal_without_consent_is_right(story: Story) -> None:
    story.sends(0, status="no_location_consent")
    story.says(True)
    story.says(False)
    story.sends(1, status="no_location_consent")
    assert story.times() == []
    assert story.watched().refused == Counter()


def test_while_consent_is_being_changed_both_answers_are_right(story: Story) -> None:
    story.says(True)
    story.sends(1)
    story.says(False, answered=False)
    story.sends(2)
    story.sends(3, status="no_location_consent")
    assert story.times() == [(15, 30)]
    assert story.watched().refused == Counter()


def test_a_withdrawal_ends_a_watch_and_the_next_yes_begins_another(story: Story) -> None:
    story.says(True)
    story.sends(1, 2)
    story.says(False)
    story.sends(3, status="no_location_consent")
    story.says(True)
    story.sends(4)
    story.sends(5)
    assert story.times() == [(15, 30), (60, 75)]


def test_a_late_fix_moves_nothing_and_may_be_called_late_but_not_implausible(story: Story) -> None:
    story.says(True)
    story.sends(4)
    story.sends(5, 2, status="late")
    assert story.times() == [(60, 75)]
    # Within one request the order is that of time: 2 comes before 5, and 5 is not late.
    assert story.watched().refused == {"late": 1}
    story.sends(3, status="rejected:mocked")
    assert story.watched().refused == {"late": 1, "rejected:mocked": 1}


def test_a_fix_too_coarse_for_anything_but_nearby_may_be_refused(story: Story) -> None:
    story.says(True)
    story.sends(1)
    story.sends(2, status="rejected:too_coarse")
    assert story.watched(track(fix_2=1000.1)).refused == Counter()
    assert story.watched(track(fix_2=1000.0)).refused == {"rejected:too_coarse": 1}


# With location for parking, and that alone


def refused_for_parking(story: Story, parking: History[bool], of: Track | None = None) -> Counter[str]:
    return refused_although_for_parking(of or track(), story.sent, story.location, parking)


def test_a_fix_that_was_to_be_used_for_parking_alone_must_not_be_refused(story: Story) -> None:
    story.sends(1)
    story.sends(2, status="no_location_consent")
    story.sends(3, status="late")
    assert refused_for_parking(story, History(True)) == {"no_location_consent": 1}
    assert story.times() == []


def test_a_fix_may_be_refused_that_is_coarse_or_whose_consent_is_uncertain(story: Story) -> None:
    story.sends(2, status="no_location_consent")
    assert refused_for_parking(story, History(False)) == Counter()
    assert refused_for_parking(story, History(True), track(fix_2=1500)) == Counter()
    unanswered = History(True, [Change(False, next(story.marks), None)])
    story.sends(3, status="no_location_consent")
    assert refused_for_parking(story, unanswered) == {"no_location_consent": 1}


def test_a_refused_fix_is_counted_once_where_both_purposes_are_granted(story: Story) -> None:
    story.says(True)
    story.sends(2, status="no_location_consent")
    assert refused_for_parking(story, History(True)) == Counter()
    assert story.watched().refused == {"no_location_consent": 1}
