"""What age allows: bands by their lowest age, countries by their law, marketing for adults."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.minors import (
    AGES_OF_CONSENT,
    LOWEST_AGE,
    STRICTEST,
    age_of_consent,
    is_adult,
    may_grant,
    may_see_offers,
    not_allowed,
)
from offers.terms import AgeBand, marketing_grant

MARKETING = marketing_grant(1, "push")
OTHERS = ("location_offers", "location_parking", "personalisation", "measurement", "dietary")
BANDS: tuple[AgeBand, ...] = ("unknown", "under_15", "15_17", "adult")
grants = st.sampled_from([*OTHERS, MARKETING])


@pytest.mark.parametrize(
    ("country", "age"), [("FR", 15), ("DE", 16), ("FI", 13), ("IT", 14), ("US", 16), (None, 16)]
)
def test_a_country_has_its_own_age_of_consent_and_an_unknown_one_the_strictest(
    country: str | None, age: int
) -> None:
    assert age_of_consent(country) == age


def test_the_operator_may_say_otherwise() -> None:
    assert age_of_consent("FR", {**AGES_OF_CONSENT, "FR": 16}) == 16


def test_every_country_of_the_union_and_the_eea_chose_between_13_and_16() -> None:
    assert len(AGES_OF_CONSENT) == 27 + 3 + 1
    assert set(AGES_OF_CONSENT.values()) == {13, 14, 15, 16}


@pytest.mark.parametrize("purpose", OTHERS)
@pytest.mark.parametrize(
    ("band", "country", "allowed"),
    [
        ("unknown", "FI", False),
        ("under_15", "FI", False),  # somebody of 13 may be in it, and somebody of 9
        ("15_17", "FR", True),
        ("15_17", "FI", True),
        ("15_17", "DE", False),
        ("15_17", None, False),
        ("adult", "DE", True),
        ("adult", None, True),
    ],
)
def test_a_band_counts_by_its_lowest_age(
    purpose: str, band: AgeBand, country: str | None, allowed: bool
) -> None:
    assert may_grant(purpose, band, age_of_consent(country)) is allowed


@pytest.mark.parametrize("band", BANDS)
@given(age=st.integers(0, 18))
def test_marketing_is_for_adults_wherever_they_are(band: AgeBand, age: int) -> None:
    assert may_grant(MARKETING, band, age) is (band == "adult")
    assert may_see_offers(band) is is_adult(band) is (band == "adult")


def test_no_setting_lets_children_of_whom_nothing_is_known_consent() -> None:
    assert not may_grant("measurement", "unknown", 0)
    assert not may_grant("measurement", "under_15", 0)


@given(st.frozensets(grants), st.sampled_from(BANDS), st.integers(13, 18))
def test_what_is_not_allowed_is_exactly_what_may_not_be_granted(
    granted: frozenset[str], band: AgeBand, age: int
) -> None:
    ending = not_allowed(granted, band, age)
    assert ending <= granted
    assert all(may_grant(one, band, age) for one in granted - ending)
    assert not any(may_grant(one, band, age) for one in ending)


@given(st.frozensets(grants), st.integers(13, 18))
def test_a_higher_band_never_ends_more(granted: frozenset[str], age: int) -> None:
    ending = [not_allowed(granted, band, age) for band in sorted(BANDS, key=LOWEST_AGE.__getitem__)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(ending))


def test_the_strictest_is_what_the_regulation_says() -> None:
    assert max(AGES_OF_CONSENT.values()) == STRICTEST == 16
