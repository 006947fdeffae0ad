"""The sentences of "why this?": what they count, and how one, none and many are said."""

from typing import Any

import pytest

from offers.handing.plain_words import SpokenLanguage, say
from offers.terms import Reason, Rule
from tests.offers.invented import PARIS


def cap(*, passed: bool = True, **numbers: Any) -> Rule:
    said = {
        "cap_id": 1,
        "scope": "system",
        "channel": None,
        "tag": None,
        "at_most": 2,
        "counted": 0,
        "window_start": "2026-06-09T22:00:00Z",
    }
    return Rule(name=Reason.FREQUENCY_CAP, passed=passed, numbers=said | numbers)


def limit(**numbers: Any) -> Rule:
    return Rule(
        name=Reason.CUSTOMER_LIMIT, passed=True, numbers={"at_most": 2, "days": 7, "counted": 0} | numbers
    )


@pytest.mark.parametrize(
    ("language", "counted", "at_most", "sentence"),
    [
        ("en", 0, 1, "Since 2026-06-10 00:00 you had received no offer in all; at most 1 is allowed."),
        ("en", 1, 2, "Since 2026-06-10 00:00 you had received 1 offer in all; at most 2 are allowed."),
        ("en", 2, 3, "Since 2026-06-10 00:00 you had received 2 offers in all; at most 3 are allowed."),
        (
            "fr",
            0,
            1,
            "Depuis le 10/06/2026 00:00, vous n'aviez reçu aucune offre en tout ; 1 au plus est permise.",
        ),
        (
            "fr",
            1,
            2,
            "Depuis le 10/06/2026 00:00, vous aviez reçu 1 offre en tout ; 2 au plus sont permises.",
        ),
        (
            "fr",
            2,
            3,
            "Depuis le 10/06/2026 00:00, vous aviez reçu 2 offres en tout ; 3 au plus sont permises.",
        ),
    ],
)
def test_none_one_and_many_agree(language: SpokenLanguage, counted: int, at_most: int, sentence: str) -> None:
    assert say(cap(counted=counted, at_most=at_most), language, PARIS) == sentence


@pytest.mark.parametrize(
    ("language", "narrowed", "said"),
    [
        ("en", {"scope": "each_retailer", "tag": "tea"}, 'no offer tagged "tea" from this business;'),
        ("en", {"channel": "inbox"}, "no offer in your inbox in all;"),
        ("en", {"channel": "push", "tag": "{tea}"}, 'no offer tagged "{tea}" by notification in all;'),
        ("fr", {"scope": "retailer", "tag": "thé"}, "aucune offre avec l'étiquette « thé » de ce commerce ;"),
        ("fr", {"channel": "inbox"}, "aucune offre dans votre boîte en tout ;"),
        ("fr", {"channel": "push"}, "aucune offre par notification en tout ;"),
    ],
)
def test_a_cap_that_counts_only_some_offers_says_which(
    language: SpokenLanguage, narrowed: dict[str, str], said: str
) -> None:
    assert said in say(cap(**narrowed), language, PARIS)


@pytest.mark.parametrize(
    ("language", "counted", "said"),
    [
        ("en", 0, "you had not received this offer by notification;"),
        ("en", 1, "you had received this offer by notification once;"),
        ("en", 3, "you had received this offer by notification 3 times;"),
        ("fr", 0, "vous n'aviez pas reçu cette offre par notification ;"),
        ("fr", 1, "vous aviez reçu cette offre par notification une fois ;"),
        ("fr", 3, "vous aviez reçu cette offre par notification 3 fois ;"),
    ],
)
def test_a_cap_of_one_offer_speaks_of_this_offer(language: SpokenLanguage, counted: int, said: str) -> None:
    assert said in say(cap(scope="offer", channel="push", counted=counted), language, PARIS)


@pytest.mark.parametrize(
    ("language", "numbers", "sentence"),
    [
        (
            "en",
            {"days": 1, "at_most": 1},
            "In the last 24 hours you had not received this offer; at most 1 is allowed.",
        ),
        (
            "en",
            {"counted": 1},
            "In the last 7 days you had received this offer once; at most 2 are allowed.",
        ),
        (
            "fr",
            {"days": None, "counted": 2, "at_most": 3},
            "Jusque-là, vous aviez reçu cette offre 2 fois ; 3 au plus sont permises.",
        ),
    ],
)
def test_a_limit_of_one_offer_says_in_which_time(
    language: SpokenLanguage, numbers: dict[str, Any], sentence: str
) -> None:
    assert say(limit(**numbers), language, PARIS) == sentence


def test_a_cap_of_none_says_that_none_is_allowed() -> None:
    said = say(cap(passed=False, at_most=0), "en", PARIS)
    assert said.startswith("This condition was not met: Since")
    assert said.endswith("none is allowed.")


def test_a_trace_from_before_there_were_channel_and_tag_is_still_explained() -> None:
    numbers = cap().numbers
    old = Rule(
        name=Reason.FREQUENCY_CAP,
        passed=True,
        numbers={name: numbers[name] for name in numbers if name not in {"channel", "tag"}},
    )
    assert say(old, "en", PARIS) == say(cap(), "en", PARIS)


def test_numbers_that_are_not_as_expected_leave_the_short_sentence() -> None:
    assert say(cap(scope="galaxy"), "en", PARIS) == "You had not received too many offers."
