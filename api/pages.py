"""Lists in pages: `?limit=50&cursor=…` in, `{"items": […], "next_cursor": null|"…"}` out.

Owns the cursor's form: an opaque text that holds the last key of the page before.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import Parameter

from geo.errors import Fault, InvalidInput

Item = TypeVar("Item")

Limit = Annotated[int, Parameter(ge=1, le=200, description="How many items at most.")]
Cursor = Annotated[
    str | None, Parameter(max_length=200, description="`next_cursor` of the page before this one.")
]


class Page(msgspec.Struct, Generic[Item], kw_only=True):
    """`next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


def page_of(rows: Sequence[Item], limit: int, key: Callable[[Item], int | str]) -> Page[Item]:
    """A page out of up to `limit + 1` rows: the one too many says that there is a next page."""
    items = list(rows[:limit])
    has_more = len(rows) > limit
    return Page(items=items, next_cursor=write_cursor(key(items[-1])) if has_more else None)


def write_cursor(key: int | str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read_cursor(cursor: str | None, first: int = 0) -> int:
    """The integer key to go on after; `first` without a cursor. Raises InvalidInput."""
    return first if cursor is None else _read(cursor, int)


def read_text_cursor(cursor: str | None) -> str:
    """The same for text keys; empty without a cursor."""
    return "" if cursor is None else _read(cursor, str)


Key = TypeVar("Key", int, str)


def _read(cursor: str, kind: type[Key]) -> Key:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        key = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise _malformed() from None
    # What no key of ours can be must not reach the database either.
    if "\x00" in str(key) or len(str(key)) > 150 or (kind is int and abs(int(key)) >= 2**63):
        raise _malformed()
    return key


def _malformed() -> InvalidInput:
    return InvalidInput("The cursor is not one of ours.", faults=(Fault("cursor", "is malformed"),))
