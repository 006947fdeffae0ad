"""The city is a retailer of the session's server, reached over HTTP like any other."""

from __future__ import annotations

import pytest

from tests.http.conftest import http, rows
from tests.http.shops import Shop, shop, sql

__all__ = ["http", "rows", "shop", "sql"]


@pytest.fixture
def montpellier(shop: Shop) -> Shop:
    return shop
