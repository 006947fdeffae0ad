"""What the `type` of a problem leads to, and that no code is left unexplained."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from api.docs_page.frame import CONTENT_POLICY
from api.docs_page.problems import render_all, render_one
from api.problem_types import CLASS_OF, WORDS, all_explained, explained
from api.problems import CODES_OF, STATUS_OF
from offers.people.linking import LinkState
from tests.http.edge.asking import Client, code_of

ROOT = Path(__file__).parents[3]
ERRORS = {error.__name__: error for error in STATUS_OF}


def raised() -> Iterator[tuple[str, str, str]]:
    """Where, which class, and the code it is raised with; a code with holes as a pattern."""
    for package in ("api", "geo", "offers"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                    for keyword in node.keywords:
                        if keyword.arg == "code" and (code := code_in(keyword.value)):
                            yield f"{file.relative_to(ROOT)}:{node.lineno}", node.func.id, code


def code_in(value: ast.expr) -> str | None:
    if isinstance(value, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in value.values]
        return "".join(r"\w+" if part is None else re.escape(str(part)) for part in parts)
    return re.escape(str(value.value)) if isinstance(value, ast.Constant) else None


def test_every_code_in_the_source_is_listed_under_the_class_it_is_raised_with() -> None:
    found = list(raised())
    assert len(found) > 30
    unknown = [
        (where, name, code)
        for where, name, code in found
        if not any(re.fullmatch(code, known) for known in CODES_OF[ERRORS[name]])
    ]
    assert unknown == []


def test_every_state_of_a_link_code_that_cannot_be_confirmed_has_its_code() -> None:
    states = set(get_args(LinkState)) - {"to_confirm", "confirmed"}
    assert {f"link_code_{state}" for state in states} <= set(CLASS_OF)


def test_every_error_has_its_own_code_and_no_code_two_errors() -> None:
    assert set(CODES_OF) == set(STATUS_OF)
    assert all(error.code in codes for error, codes in CODES_OF.items())
    assert len(CLASS_OF) == sum(len(codes) for codes in CODES_OF.values())


@pytest.mark.parametrize("language", WORDS)
def test_every_code_is_explained_in_every_language(language) -> None:
    assert set(WORDS[language]) == set(CLASS_OF)
    for code, words in WORDS[language].items():
        assert all(text and text.count("`") % 2 == 0 for text in words), code
        assert words.meaning.endswith("."), code
        assert words.remedy.endswith("."), code


async def test_the_type_of_a_problem_leads_to_its_explanation(client: Client) -> None:
    problem = await client.get("/v1/nowhere")
    page = await client.get(problem.json()["type"])
    assert page.status_code == 200
    assert page.json()["code"] == problem.json()["code"]
    assert page.json()["status"] == problem.status_code
    assert page.json()["remedy"]


async def test_all_problems_are_listed_by_status(client: Client) -> None:
    items = (await client.get("/problems")).json()["items"]
    assert {item["code"] for item in items} == set(CLASS_OF)
    assert [item["status"] for item in items] == sorted(item["status"] for item in items)


async def test_a_code_that_nobody_raises_leads_nowhere(client: Client) -> None:
    assert code_of(await client.get("/problems/made_up")) == "not_found"


@pytest.mark.parametrize(
    ("asked", "told", "title"),
    [("fr-FR,en;q=0.5", "fr", "Encore utilisé"), ("de", "en", "Still in use"), (None, "en", "Still in use")],
)
async def test_explanations_speak_english_and_french(client: Client, asked, told, title) -> None:
    headers = {"accept-language": asked} if asked else {}
    answer = await client.get("/problems/in_use", headers=headers)
    assert answer.headers["content-language"] == told
    assert "Accept-Language" in answer.headers["vary"]
    assert answer.json()["title"] == title


@pytest.mark.parametrize("path", ["/problems", "/problems/in_use"])
async def test_a_browser_gets_a_page_that_loads_nothing(client: Client, path: str) -> None:
    page = await client.get(path, headers={"accept": "text/html,*/*;q=0.8", "accept-language": "fr"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == CONTENT_POLICY
    assert '<html lang="fr">' in page.text
    assert "Encore utilisé" in page.text
    assert not re.search(r"@import|url\(|<script|<link|src=", page.text)


@pytest.mark.parametrize("language", WORDS)
def test_the_list_leads_to_every_page(language) -> None:
    problems = all_explained(language).items
    page = render_all(problems, language)
    assert set(re.findall(r"href='/problems/(\w+)'", page)) == set(CLASS_OF)
    for problem in problems:
        assert explained(problem.code, language) == problem
        assert "`" not in render_one(problem, language)
