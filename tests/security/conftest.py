"""The application in this process, as the tests of the edge have it."""

from tests.http.edge.conftest import (  # noqa: F401 - fixtures
    admin,
    client,
    database_url,
    edge_database_url,
    headers_of,
    open_app,
    phone,
    retailer_id,
)
