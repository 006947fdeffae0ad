"""What each problem means and what to do about it: the pages behind `type`, `/problems/{code}`.

Owns the explanations, in the languages Alentour speaks. Which codes there are, and the status of
each, is `api.problems`'.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from api.problem_types import english, french
from api.problem_types.words import Words
from api.problems import CODES_OF, STATUS_OF
from geo.errors import AlentourError
from offers.handing.plain_words import SpokenLanguage

WORDS: Final[Mapping[SpokenLanguage, Mapping[str, Words]]] = {"en": english.WORDS, "fr": french.WORDS}

CLASS_OF: Final[Mapping[str, type[AlentourError]]] = {
    code: error for error, codes in CODES_OF.items() for code in codes
}


class ProblemType(msgspec.Struct, frozen=True, kw_only=True):
    """One problem, explained. `type` is what answers carry, `remedy` what to do about it."""

    type: str
    code: str
    status: int
    title: str
    meaning: str
    remedy: str


class ProblemTypes(msgspec.Struct, frozen=True, kw_only=True):
    """Every problem this server can answer, by status."""

    items: list[ProblemType]


def explained(code: str, language: SpokenLanguage) -> ProblemType | None:
    """The problem with this code; None for a code there is not."""
    if code not in CLASS_OF:
        return None
    words = WORDS[language][code]
    return ProblemType(
        type=f"/problems/{code}",
        code=code,
        status=STATUS_OF[CLASS_OF[code]],
        title=words.title,
        meaning=words.meaning,
        remedy=words.remedy,
    )


def all_explained(language: SpokenLanguage) -> ProblemTypes:
    return ProblemTypes(items=[one for code in CLASS_OF if (one := explained(code, language))])
