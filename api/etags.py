"""Answers that a client may have already: an ETag of the body, and 304 for who names it.

For what is made anew at every asking and only sent again when it differs (RFC 9110 § 8.8.3, weak).
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec

NOT_MODIFIED: Final[dict[int, ResponseSpec]] = {
    304: ResponseSpec(None, description="The answer is the one you have.")
}


def unless_known(body: Any, if_none_match: str | None, headers: Mapping[str, str]) -> Response[Any]:
    """The body with its ETag and these headers, or 304 where `If-None-Match` names that."""
    etag = f'W/"{hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:32]}"'
    told = {"etag": etag, "cache-control": "private, no-cache", **headers}
    if is_known(if_none_match, etag):
        return Response(cast("Any", None), status_code=304, headers=told)
    return Response(body, headers=told)


def is_known(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110 § 13.1.2, by weak comparison."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag.removeprefix("W/") in known
