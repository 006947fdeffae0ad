"""What a newer text does to a yes: whose line it is in, when it is outdated, when it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.lapsing import Version, line_of, overtaken
from tests.offers.invented import NOON

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Said:
    """An answer."""

    purpose: str = "marketing"
    retailer_id: int | None = 7
    granted: bool = True
    notice_version: int = 1


def text(
    version: int,
    retailer_id: int | None = None,
    *,
    asks_again: bool = True,
    lapses_at: datetime | None = None,
    purpose: str = "marketing",
) -> Version:
    return Version(
        purpose=purpose,
        version=version,
        retailer_id=retailer_id,
        asks_again=asks_again,
        lapses_at=lapses_at,
        published_at=NOON,
    )


def numbers(line: list[Version]) -> list[int]:
    return [one.version for one in line]


def test_a_retailer_is_asked_for_under_the_operators_text_until_it_has_its_own() -> None:
    published = [
        text(4),
        text(1),
        text(3, 7),
        text(2),
        text(5, 7),
        text(6, 8),
        text(9, purpose="measurement"),
    ]
    assert numbers(line_of("marketing", 7, published)) == [1, 2, 3, 5]
    assert numbers(line_of("marketing", 8, published)) == [1, 2, 4, 6]
    assert numbers(line_of("marketing", 9, published)) == [1, 2, 4]
    assert numbers(line_of("measurement", None, published)) == [9]


def test_a_yes_to_the_newest_text_is_up_to_date() -> None:
    assert overtaken(Said(notice_version=2), [text(1), text(2)]) is None


def test_a_newer_text_that_says_nothing_new_overtakes_nothing() -> None:
    assert overtaken(Said(), [text(1), text(2, asks_again=False)]) is None


def test_a_no_is_never_overtaken() -> None:
    assert overtaken(Said(granted=False), [text(1), text(2, lapses_at=NOON)]) is None


def test_the_newest_text_is_to_be_shown_and_the_earliest_end_counts() -> None:
    published = [
        text(1),
        text(2, lapses_at=NOON + 9 * DAY),
        text(3, lapses_at=NOON + 3 * DAY),
        text(4, asks_again=False),
    ]
    newer = overtaken(Said(), published)
    assert newer is not None
    assert (newer.by.version, newer.lapses_at) == (4, NOON + 3 * DAY)
    after_two = overtaken(Said(notice_version=2), published)
    assert after_two is not None
    assert after_two.lapses_at == NOON + 3 * DAY


def test_another_retailers_text_and_the_operators_later_one_change_nothing_for_this_one() -> None:
    published = [text(1), text(2, 7, asks_again=False), text(3, 8), text(4)]
    assert overtaken(Said(notice_version=2), published) is None


@pytest.mark.parametrize(("at", "is_over"), [(NOON - DAY, False), (NOON, True), (NOON + DAY, True)])
def test_a_yes_is_over_from_the_very_moment_of_its_lapse(at: datetime, is_over: bool) -> None:
    newer = overtaken(Said(), [text(1), text(2, lapses_at=NOON)])
    assert newer is not None
    assert newer.is_over(at) is is_over


def test_without_a_period_of_grace_it_goes_on_until_it_is_answered() -> None:
    newer = overtaken(Said(), [text(1), text(2)])
    assert newer is not None
    assert newer.lapses_at is None
    assert not newer.is_over(NOON + 10_000 * DAY)


texts = st.lists(
    st.builds(
        text,
        st.integers(1, 8),
        st.sampled_from([None, 7, 8]),
        asks_again=st.booleans(),
        lapses_at=st.sampled_from([None, NOON, NOON + DAY]),
    ),
    unique_by=lambda one: one.version,
)


@given(texts, st.integers(1, 8))
def test_only_newer_texts_of_its_own_line_that_ask_again_overtake(
    published: list[Version], answered: int
) -> None:
    own = [one.version for one in published if one.retailer_id == 7]
    expected = [
        one
        for one in published
        if one.version > answered
        and one.asks_again
        and (one.retailer_id == 7 or (one.retailer_id is None and not any(v < one.version for v in own)))
    ]
    newer = overtaken(Said(notice_version=answered), published)
    assert (newer is not None) == bool(expected)
