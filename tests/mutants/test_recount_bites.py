"""The simulator's recount reports nothing of a sound server, and each broken promise of a broken one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api import demo_city, importer
from api.demo import keys_file
from api.embedded import Cluster
from tests.conftest import TEMPLATE
from tests.serving import CHECKOUT

READY_WITHIN_S = 60.0
CITY = "city_for_mutants"


@pytest.fixture(scope="module")
def city(cluster: Cluster) -> str:
    """A database with central Helsinki, furnished, and budgets so small that somebody meets their end."""

    async def furnish() -> None:
        connection = await asyncpg.connect(cluster.url(CITY))
        try:
            await importer.import_city(
                connection, demo_city.helsinki_file(), time_zone=demo_city.HELSINKI_TIME_ZONE
            )
            await demo_city.furnish(connection, seed=1)
            await connection.execute(
                "UPDATE offer_budgets SET deliveries_total = 1, deliveries_available = 1"
                " WHERE deliveries_total IS NOT NULL"
            )
        finally:
            await connection.close()

    cluster.create_database(CITY, template=TEMPLATE)
    asyncio.run(furnish())
    return CITY


@pytest.fixture
def walk(cluster: Cluster, city: str, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Let phones walk through the city on the named server; the report of the simulator."""

    def report(server: str) -> dict[str, Any]:
        database = f"{city}_{server}"
        cluster.create_database(database, template=city)
        url = cluster.url(database)
        keys = tmp_path / "keys.json"
        keys.write_bytes(keys_file(asyncio.run(_open(url))))
        written = tmp_path / "report.json"
        port = _free_port()
        with _serving(server, url, port, tmp_path / "server.log"):
            command = [sys.executable, "-m", "simulator", "--url", f"http://127.0.0.1:{port}"]
            command += ["--keys", str(keys), "--report", str(written)]
            command += ["--phones", "40", "--minutes", "8", "--seed", "1"]
            subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True, timeout=240)
        cluster.drop_database(database)
        read: dict[str, Any] = json.loads(written.read_bytes())
        return read

    return report


async def _open(url: str) -> demo_city.DemoCity:
    connection = await asyncpg.connect(url)
    try:
        return await demo_city.open_demo(connection)
    finally:
        await connection.close()


@contextlib.contextmanager
def _serving(server: str, url: str, port: int, log_path: Path) -> Iterator[None]:
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--no-ws"),
                *("--loop", "uvloop", "--workers", "1", "--port", str(port)),
                f"tests.mutants.servers:{server}",
            ],
            env=os.environ
            | {"ALENTOUR_DATABASE_URL": url, "ALENTOUR_CLOCK": "simulated", "ALENTOUR_LOG_LEVEL": "warning"},
            cwd=CHECKOUT,
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while not _is_ready(port):
                assert process.poll() is None, log_path.read_text()
                assert time.monotonic() < deadline, log_path.read_text()
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        pass
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_sound_server_breaks_no_promise(walk: Callable[[str], dict[str, Any]]) -> None:
    report = walk("unbroken")
    assert report["deliveries"] > 0
    assert report["violations"] == {"consent": 0, "caps": 0, "quiet_hours": 0, "budget": 0}


@pytest.mark.parametrize(
    ("server", "promise"),
    [
        ("without_consent", "consent"),
        ("without_caps", "caps"),
        ("without_quiet_hours", "quiet_hours"),
        ("without_budget", "budget"),
    ],
)
def test_a_broken_promise_is_reported(
    server: str, promise: str, walk: Callable[[str], dict[str, Any]]
) -> None:
    assert walk(server)["violations"][promise] > 0
