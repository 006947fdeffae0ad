"""The simulator's recount reports nothing of a sound server, and each broken promise of a broken one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api import demo_city, demo_parking, importer
from api.demo import keys_file
from api.embedded import Cluster
from simulator.recount import KINDS
from simulator.testimony import WRONG_TIME
from tests.conftest import TEMPLATE
from tests.serving import CHECKOUT, StartServer, free_port

CITY = "city_for_mutants"
MINUTES = 8
# Long enough for two people to come to a till with the same offer.
MINUTES_UNTIL_REDEEMED = 20
# Long enough for a few drivers to arrive and pay, one of them with a card that is declined.
MINUTES_UNTIL_PAID = 12

Walk = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def city(cluster: Cluster) -> str:
    """Central Helsinki, furnished; budgets and stocks so small that somebody meets their end."""

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
            await connection.execute("UPDATE fences SET retrigger_s = 3600")
            await connection.execute(
                "UPDATE offers SET re_eligible_after_s = 600000, holdout_percent = 20, when_quiet = 'drop'"
            )
            await connection.execute(
                "INSERT INTO offer_budgets (offer_id, redemptions_total) SELECT offer_id, 1 FROM offers"
                " ON CONFLICT (offer_id) DO UPDATE SET redemptions_total = 1"
            )
        finally:
            await connection.close()

    cluster.create_database(CITY, template=TEMPLATE)
    asyncio.run(furnish())
    return CITY


@pytest.fixture(scope="module")
def plans() -> list[demo_parking.Plan]:
    """Who runs which parking of the city."""
    return demo_parking.plan(demo_city.helsinki_file(), seed=1)


@pytest.fixture
def walk(
    cluster: Cluster, city: str, plans: list[demo_parking.Plan], start_server: StartServer, tmp_path: Path
) -> Walk:
    """Let phones walk through the city on the named server; the report of the simulator."""

    def report(mutant: str, minutes: int = MINUTES, phones: int = 40) -> dict[str, Any]:
        database = f"{city}_{mutant}"
        cluster.create_database(database, template=city)
        url = cluster.url(database)
        furnished = asyncio.run(_open(url))
        keys = tmp_path / "keys.json"
        written = tmp_path / "report.json"
        port = free_port()
        server = start_server(url, clock="simulated", port=port, command=_serving(mutant, port))
        operators = [demo_parking.open_operator(server.url, furnished.admin_key, one) for one in plans]
        keys.write_bytes(keys_file(furnished, operators))
        command = [sys.executable, "-m", "simulator", "--url", server.url, "--keys", str(keys)]
        command += [
            "--report",
            str(written),
            "--phones",
            str(phones),
            "--minutes",
            str(minutes),
            "--seed",
            "1",
        ]
        subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True, timeout=240)
        server.stop()
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


def _serving(mutant: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--no-ws"),
        *("--loop", "uvloop", "--workers", "1", "--port", str(port), f"tests.mutants.servers:{mutant}"),
    ]


def test_a_sound_server_breaks_no_promise(walk: Walk) -> None:
    report = walk("unbroken", MINUTES_UNTIL_REDEEMED)
    assert report["deliveries"] > 0
    assert report["redemptions"] > 0
    assert report["parking"]["sessions"] > 0
    assert report["parking"]["paid_minor"] > 0
    assert report["parking"]["ledger_balance_minor"] == 0
    assert report["violations"] == dict.fromkeys(KINDS, 0)
    assert report["errors"] == {}


@pytest.mark.parametrize(
    ("mutant", "promise"),
    [
        ("without_consent", "consent"),
        ("without_caps", "caps"),
        ("without_quiet_hours", "quiet_hours"),
        ("without_budget", "budget"),
        ("without_waiting_for_the_end", "holds"),
        ("without_staying_held_out", "holdouts"),
        ("without_retrigger_times", "re_trigger"),
        ("without_re_eligibility", "re_eligibility"),
        ("without_minors", "minors"),
        ("without_erasure", "erasure"),
    ],
)
def test_a_broken_promise_is_reported(mutant: str, promise: str, walk: Walk) -> None:
    assert walk(mutant)["violations"][promise] > 0


@pytest.mark.parametrize(
    ("mutant", "promise"),
    [
        ("charging_twice", "double_charge"),
        ("parking_for_nothing", "unpaid_session"),
        ("without_books", "ledger"),
    ],
)
def test_money_that_is_wrong_is_reported(mutant: str, promise: str, walk: Walk) -> None:
    assert walk(mutant, MINUTES_UNTIL_PAID)["violations"][promise] > 0


def test_asking_pedestrians_who_never_agreed_is_reported(walk: Walk) -> None:
    report = walk("asking_everybody")
    assert report["violations"]["consent"] > 0
    assert any("asked to pay" in line for line in report["explanations"])
    assert report["parking"]["prompts"]["pedestrians_asked"] > 0
    assert report["parking"]["prompts"]["precision"] < 0.5


def test_a_stock_that_is_passed_is_reported(walk: Walk) -> None:
    report = walk("without_stock", MINUTES_UNTIL_REDEEMED)
    assert report["violations"]["budget"] > 0
    assert any("with a stock of 1" in line for line in report["explanations"])


def test_stamping_deliveries_a_day_early_hides_no_broken_promise(walk: Walk) -> None:
    report = walk("without_rules_and_a_day_early")
    assert {kind for kind, n in report["violations"].items() if n} >= {"consent", "caps", "quiet_hours"}
    assert report["errors"][WRONG_TIME] == report["deliveries"] > 0
