"""Lists of the API, page after page."""

from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode

from simulator.client import Api
from simulator.wire import Page

T = TypeVar("T")

PAGE: Final = 200


async def listed(api: Api, key: str, path: str, kind: type[T], **query: Any) -> AsyncIterator[T]:
    """Every item of a list, page after page."""
    cursor: str | None = None
    while True:
        asked = urlencode({**query, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
        answer = await api.call("GET", f"{path}?{asked}", key=key)
        page = cast("Page[T]", answer.read(Page[kind]))  # type: ignore[valid-type]  # a type known at run time
        for item in page.items:
            yield item
        cursor = page.next_cursor
        if cursor is None:
            return
