"""Holds every answer that a test of the API gets against the document: its status, and a problem's code."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx

from api.app import create_litestar
from api.observability import Metrics
from api.openapi import document
from api.settings import Settings

# What `default` stands for in the document.
ANYWHERE = {"internal_error", "url_too_long", "headers_too_large"}


@cache
def described() -> dict[str, Any]:
    """The document of the whole application; no database is asked for it."""
    return document(create_litestar(Settings(database_url="postgresql://nobody@nowhere/nothing"), Metrics()))


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Patterns of the paths, those without parameters first."""
    paths = sorted(described()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(_pattern(path), operations) for path, operations in paths]


def _pattern(path: str) -> re.Pattern[str]:
    # An external id may hold slashes.
    pattern = re.escape(path).replace(r"\{external_id\}", ".+")
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", pattern))


def documented_answer(method: str, path: str, status: int) -> dict[str, Any] | None:
    """How the document describes this answer; None if there is no such operation, empty if it does not."""
    for pattern, operations in _paths():
        if pattern.fullmatch(path) and method.lower() in operations:
            answer: dict[str, Any] = operations[method.lower()]["responses"].get(str(status), {})
            return answer
    return None


def documented_codes(answer: dict[str, Any]) -> list[str]:
    content = answer.get("content", {}).get("application/problem+json", {})
    codes: list[str] = content.get("schema", {}).get("properties", {}).get("code", {}).get("enum", [])
    return codes


async def must_be_documented(response: httpx.Response) -> None:
    """For httpx: called with every answer."""
    request = response.request
    answer = documented_answer(request.method, request.url.path, response.status_code)
    if answer is None:
        return
    asked = f"{request.method} {request.url.path} answered {response.status_code}"
    if response.headers.get("content-type") == "application/problem+json":
        await response.aread()
        code = response.json()["code"]
        assert code in ANYWHERE or code in documented_codes(answer), f"{asked} {code}: not in the document"
    else:
        assert answer, f"{asked}: not in the document"
