"""The pages that explain problems: all of them in one list, and each by itself."""

from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple

from api.docs_page.frame import framed, inline
from api.problem_types import ProblemType
from offers.handing.plain_words import SpokenLanguage


class _Labels(NamedTuple):
    title: str
    lead: str
    what_to_do: str
    all_problems: str
    documentation: str


_LABELS: Final[Mapping[SpokenLanguage, _Labels]] = {
    "en": _Labels(
        title="Problems",
        lead="Whatever is refused is answered as a problem (RFC 9457) with a stable `code`. This is what each"
        " of them means, and what to do about it.",
        what_to_do="What to do",
        all_problems="All problems",
        documentation="Documentation",
    ),
    "fr": _Labels(
        title="Problèmes",
        lead="Tout refus est un problème (RFC 9457) avec un `code` stable. Voici ce que chacun veut dire, et"
        " que faire.",
        what_to_do="Que faire",
        all_problems="Tous les problèmes",
        documentation="Documentation",
    ),
}


def render_all(problems: list[ProblemType], language: SpokenLanguage) -> str:
    """Every problem, by status."""
    labels = _LABELS[language]
    cards = "".join(_card(one, labels, f"<a href='{one.type}'>{_code(one)}</a>") for one in problems)
    body = (
        f"<main><p class=way><a href='/docs'>{labels.documentation}</a></p><h1>{labels.title}</h1>"
        f"<p class=lead>{inline(labels.lead)}</p>{cards}</main>"
    )
    return framed(f"{labels.title} – Alentour", body, language=language, kind="leaf")


def render_one(problem: ProblemType, language: SpokenLanguage) -> str:
    labels = _LABELS[language]
    body = (
        f"<main><p class=way><a href='/docs'>{labels.documentation}</a>"
        f" · <a href='/problems'>{labels.all_problems}</a></p>"
        f"<h1>{escape(problem.title)}</h1>{_card(problem, labels, _code(problem), with_title=False)}</main>"
    )
    return framed(f"{problem.title} – Alentour", body, language=language, kind="leaf")


def _card(problem: ProblemType, labels: _Labels, code: str, *, with_title: bool = True) -> str:
    title = f"<p class=summary>{escape(problem.title)}</p>" if with_title else ""
    return (
        f"<article><h2><b class=status>{problem.status}</b> {code}</h2>{title}"
        f"<p>{inline(problem.meaning)}</p>"
        f"<p class=remedy><strong>{labels.what_to_do}</strong> {inline(problem.remedy)}</p></article>"
    )


def _code(problem: ProblemType) -> str:
    return f"<code>{escape(problem.code).replace('_', '_<wbr>')}</code>"
