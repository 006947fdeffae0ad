"""Query parameters that an address does not know are refused: a slip must not be taken for a default.

`?dryrun=true` is not a dry run, and a filter that is misspelt must not list everything. What an
address knows is what its handler declares, and its dependencies. `POST /v1/fixes` stands before the
framework and stays tolerant.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from geo.errors import Fault, InvalidInput

_LONGEST_TOLD = 100


class KnownQueries:
    """Litestar guard of the whole application; learns what its routes declare when first asked."""

    def __init__(self) -> None:
        self._known: Mapping[BaseRouteHandler, frozenset[str]] = {}

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """Raises InvalidInput that names each parameter which is unknown or cannot be kept."""
        self._known = self._known or dict(_declared(connection.app))
        known = self._known.get(connection.route_handler)  # the guard itself is given a copy
        if known is None:
            return
        if faults := [*_query_faults(connection, known), *_path_faults(connection)]:
            raise InvalidInput("A parameter is not as expected.", faults=tuple(faults))


def _declared(app: Litestar) -> Iterator[tuple[BaseRouteHandler, frozenset[str]]]:
    """What the API's handlers take; the pages for people are left out, as whoever links to them adds more."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, takes in route.route_handler_map.values():
                if handler.resolve_include_in_schema():
                    yield handler, frozenset(one.field_alias for one in takes.expected_query_params)


def _query_faults(connection: ASGIConnection[Any, Any, Any, Any], known: frozenset[str]) -> Iterator[Fault]:
    query = connection.scope["query_string"].decode("latin-1")
    for name, value in dict(parse_qsl(query, keep_blank_values=True)).items():
        if name not in known:
            known_here = ", ".join(sorted(known)) or "none"
            yield Fault(name[:_LONGEST_TOLD], f"is not a parameter of this address; it knows {known_here}")
        elif "\x00" in value:
            yield Fault(name, "holds a NUL character")


def _path_faults(connection: ASGIConnection[Any, Any, Any, Any]) -> Iterator[Fault]:
    for name, value in connection.path_params.items():
        if isinstance(value, str) and "\x00" in value:
            yield Fault(name, "holds a NUL character")
