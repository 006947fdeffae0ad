"""Which methods an address answers: HEAD wherever GET is (RFC 9110 § 9.1), named in one order.

Owns no routes: the framework knows GET, and the edge answers HEAD with it.
"""

from typing import Final

from litestar.utils import normalize_path

# A stream of events never ends, so there is no whole answer to leave the body out of.
_ENDLESS: Final = "/v1/live"

_REGISTERED: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}
)


def told_method(method: str) -> str:
    """The method as logs and metrics name it: a client may make up any word, and say anything in it."""
    return method if method in _REGISTERED else "other"


def is_head_of_a_get(method: str, path: str) -> bool:
    """Whether to answer as GET would, without the body; the path may still not exist."""
    return method == "HEAD" and normalize_path(path) != _ENDLESS


def allowed_at(path: str, methods: str) -> str:
    """The value of `Allow`, given the methods that the framework knows there."""
    known = {method.strip() for method in methods.split(",")} - {""}
    if "GET" in known and normalize_path(path) != _ENDLESS:
        known.add("HEAD")
    return ", ".join(sorted(known))
