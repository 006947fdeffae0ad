"""What the `type` of a problem leads to: its explanation, as JSON or as a page, in English or French."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import MediaType, Response, Router, get
from litestar.params import HeaderParameter, Parameter

from api import problem_types
from api.docs_page.frame import CONTENT_POLICY
from api.docs_page.problems import render_all, render_one
from api.languages import AcceptLanguage, spoken_language
from api.problem_types import ProblemType, ProblemTypes
from geo.errors import NotFound
from offers.handing.plain_words import SpokenLanguage

Accept = Annotated[str, HeaderParameter(name="Accept", max_length=1000)]
Code = Annotated[str, Parameter(max_length=64, description="The `code` of a problem.")]


@get("/problems", operation_id="listProblems", summary="All problems, explained")
async def list_problems(
    accept: Accept = "", accept_language: AcceptLanguage = None
) -> Response[ProblemTypes]:
    """Every code that this server can answer with, its status, what it means and what to do.

    In English or French, by Accept-Language; a page for browsers, JSON for everybody else.
    """
    language = spoken_language(accept_language)
    found = problem_types.all_explained(language)
    if wants_page(accept):
        return _page(render_all(found.items, language), language)
    return Response(found, headers=_headers(language))


@get("/problems/{code:str}", operation_id="explainProblem", summary="One problem, explained")
async def explain_problem(
    code: Code, accept: Accept = "", accept_language: AcceptLanguage = None
) -> Response[ProblemType]:
    """Where the `type` of a problem leads: what its code means and what to do."""
    language = spoken_language(accept_language)
    found = problem_types.explained(code, language)
    if found is None:
        raise NotFound("There is no problem with this code.")
    if wants_page(accept):
        return _page(render_one(found, language), language)
    return Response(found, headers=_headers(language))


def wants_page(accept: str) -> bool:
    """Whether an `Accept` header names HTML: browsers do, programs that read problems do not."""
    return "text/html" in accept.lower()


def _page(html: str, language: SpokenLanguage) -> Response[Any]:
    headers = {**_headers(language), "content-security-policy": CONTENT_POLICY}
    return Response(html, media_type=MediaType.HTML, headers=headers)


def _headers(language: SpokenLanguage) -> Mapping[str, str]:
    return {"content-language": language, "vary": "Accept, Accept-Language"}


router: Final = Router("/", route_handlers=[list_problems, explain_problem], tags=["Problems"])
