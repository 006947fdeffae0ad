"""What an operator sees: metrics, and logs that hold nothing of anybody."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.observability import Metrics
from offers.observer import Observer, SilentObserver
from tests.http.edge.asking import Client, KnownPhone, Open
from tests.serving import StartServer

NAMES = {
    "alentour_fix_seconds", "alentour_fixes", "alentour_decisions", "alentour_flush_fixes",
    "alentour_flush_seconds", "alentour_queue_fixes", "alentour_index_version",
    "alentour_index_age_seconds", "alentour_http_requests", "alentour_http_request_seconds",
}  # fmt: skip


def samples(exposition: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def test_what_the_engine_tells_is_counted() -> None:
    metrics = Metrics()
    observer: Observer = metrics
    observer.flushed(120, 0.012)
    observer.fixed("accepted", 119)
    observer.fixed("late", 1)
    observer.decided("frequency_cap", 3)
    observer.queued(17)
    observer.refreshed(42, 0.25)
    metrics.fix_answered(200, 0.004)
    found = samples(metrics.exposition().decode())
    assert found[("alentour_flush_fixes_sum",)] == 120
    assert found[("alentour_fixes_total", "verdict=accepted")] == 119
    assert found[("alentour_fixes_total", "verdict=late")] == 1
    assert found[("alentour_decisions_total", "reason=frequency_cap")] == 3
    assert found[("alentour_queue_fixes",)] == 17
    assert found[("alentour_index_version",)] == 42
    assert found[("alentour_index_age_seconds",)] == 0.25
    assert found[("alentour_fix_seconds_bucket", "le=0.005")] == 1
    assert found[("alentour_http_requests_total", "method=POST", "route=/v1/fixes", "status=200")] == 1


def test_nobody_need_measure() -> None:
    silent: Observer = SilentObserver()
    silent.flushed(1, 0.1)
    silent.fixed("accepted", 1)
    silent.decided("delivered", 1)
    silent.queued(1)
    silent.refreshed(1, 0.0)


async def test_every_metric_is_exposed_from_the_start(client: Client) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {family.name for family in text_string_to_metric_families(answer.text)} == NAMES


async def test_requests_are_counted_by_template_never_by_path(client: Client) -> None:
    await client.get("/v1/retailers/12345")
    await client.get("/nobody/was/here")
    found = samples((await client.get("/metrics")).text)
    counted = "alentour_http_requests_total"
    assert found[(counted, "method=GET", "route=/v1/retailers/{retailer_id}", "status=401")] == 1
    assert found[(counted, "method=GET", "route=unknown", "status=404")] == 1
    assert not any("12345" in part or "nobody" in part for key in found for part in key)


async def test_logs_hold_templates_and_nothing_that_was_sent(
    open_app: Open, phone: KnownPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    client = await open_app(log_level="debug")
    await client.get("/v1/nearby?lat=48.85341&lon=2.34880", headers=phone.headers)
    await client.post("/v1/devices", json={"installation_id": "very-private-installation"})
    await client.get("/secret-path-17")
    logged = capsys.readouterr().err
    lines = [json.loads(line) for line in logged.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["route"] for line in requests] == ["/v1/nearby", "/v1/devices", "unknown"]
    for line in requests:
        assert set(line) == {"event", "method", "route", "status", "ms", "request_id", "level", "timestamp"}
    for private in ("48.85", "2.348", phone.token, "very-private", "secret-path", str(phone.device_id)):
        assert private not in logged


async def test_logs_can_be_read_by_people(open_app: Open, capsys: pytest.CaptureFixture[str]) -> None:
    client = await open_app(log_level="info", log_format="console")
    await client.get("/health/live")
    assert re.search(r"info .*request .*route=/health/live", capsys.readouterr().err)


async def test_workers_count_together(start_server: StartServer, database_url: str) -> None:
    server = start_server(database_url, workers=2)
    async with httpx.AsyncClient(base_url=server.url) as client:
        for _ in range(20):
            # A connection each, so that both workers get some.
            await client.get("/health/live", headers={"connection": "close"})
        seen = {(await client.get("/metrics", headers={"connection": "close"})).text for _ in range(4)}
    for exposition in seen:
        found = samples(exposition)
        live = found[("alentour_http_requests_total", "method=GET", "route=/health/live", "status=200")]
        assert live == 20
    # The oldest worker's version: 0 until the second one has loaded, too.
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=server.url) as client:
        version = ("alentour_index_version",)
        while samples((await client.get("/metrics")).text)[version] < 1:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
