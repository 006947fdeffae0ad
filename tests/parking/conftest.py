"""One server for the session's tests of parking over HTTP, operators, and phones."""

from __future__ import annotations

from tests.http.conftest import http, rows
from tests.http.shops import admin, other_shop, shop, sql

__all__ = ["admin", "http", "other_shop", "rows", "shop", "sql"]
