"""How long, how many and how deep: what a request may measure before anybody looks into it.

Owns the limits of address, headers and nesting. The size of bodies is `api.problems`' (and a route's
own); what the server itself cuts off, before there is a request, is set in `api.server`.
"""

from collections.abc import Sequence
from typing import Any, Final

from api.problems import HeadersTooLarge, UrlTooLong
from geo.errors import InvalidInput

Headers = Sequence[tuple[bytes, bytes]]

LONGEST_URL_BYTES: Final = 8 * 1024
MOST_HEADERS: Final = 64
LARGEST_HEADERS_BYTES: Final = 16 * 1024
# A collection of multipolygons has nine levels.
DEEPEST_JSON: Final = 32

_STRUCTURE: Final = b'"[]{}'
_NOT_STRUCTURE: Final = bytes(sorted(set(range(256)) - set(_STRUCTURE)))
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")


def refuse_oversized(scope: Any) -> None:
    """Raise UrlTooLong or HeadersTooLarge for an HTTP request that is either."""
    # As it was sent: path, question mark and query.
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(path) + len(scope["query_string"]) >= LONGEST_URL_BYTES:
        raise url_too_long()
    headers: Headers = scope["headers"]
    size_bytes = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MOST_HEADERS or size_bytes > LARGEST_HEADERS_BYTES:
        raise headers_too_large()


def url_too_long() -> UrlTooLong:
    return UrlTooLong(f"An address may have {LONGEST_URL_BYTES} bytes.")


def headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        f"A request may have {MOST_HEADERS} headers, with {LARGEST_HEADERS_BYTES} bytes together."
    )


def refuse_deep(body: bytes) -> None:
    """Raise InvalidInput (`nested_too_deeply`) for valid JSON with more than 32 levels."""
    if sum(map(body.count, (b"[", b"{"))) > DEEPEST_JSON and _is_deeper(body, DEEPEST_JSON):
        raise too_deep()


def too_deep() -> InvalidInput:
    return InvalidInput(f"JSON may be nested {DEEPEST_JSON} levels deep.", code="nested_too_deeply")


def _is_deeper(body: bytes, levels: int) -> bool:
    """Whether valid JSON has more levels than that. Peels them off from the inside, all leaves at once."""
    # Without escapes a quotation mark is always an end of a text; then only what is outside of texts counts.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_ALIKE, _NOT_STRUCTURE)
    left = b"".join(plain.split(b'"')[::2])
    for _ in range(levels):
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return bool(left)
