"""Where the documentation is served."""

from __future__ import annotations

import base64
import hashlib
import re

from tests.http.edge.asking import Client, code_of


async def test_the_document_and_the_page_are_served(client: Client) -> None:
    document = await client.get("/openapi.json")
    assert document.status_code == 200
    assert document.json()["openapi"].startswith("3.1")
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "/v1/fixes" in page.text


async def test_the_page_may_run_its_own_style_and_script_and_no_other(client: Client) -> None:
    page = await client.get("/docs")
    policy = page.headers["content-security-policy"]
    for kind, text in re.findall(r"<(style|script)>(.*?)</\1>", page.text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


async def test_home_leads_to_the_page(client: Client) -> None:
    home = await client.get("/")
    assert home.status_code == 302
    assert home.headers["location"] == "/docs"


async def test_the_frameworks_own_pages_are_not_there(client: Client) -> None:
    for path in ("/schema", "/schema/openapi.json", "/schema/swagger", "/docs/other"):
        assert code_of(await client.get(path)) == "route_not_found"
