"""Whole runs: invented phones in an invented town, against the real server on a real database."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from api.auth import create_admin_key
from simulator.__main__ import main
from simulator.options import Options
from simulator.recount import KINDS
from simulator.report import Report
from simulator.run import next_thursday_noon, simulate
from tests.serving import Server, StartServer
from tests.simulator.conftest import SIZE, corner

START = datetime(2026, 11, 19, 10, tzinfo=UTC)  # a Thursday, noon in Helsinki
PROMISED = (
    "fixes", "crossings", "deliveries", "redemptions", "suppressed", "violations", "detection", "seconds",
    "menus", "parking",
)  # fmt: skip

MakeTown = Callable[[], Any]


class Town:
    """A server that knows two retailers with sites in the town, an offer for each, and paid parking."""

    def __init__(
        self, server: Server, admin_key: str, tills: dict[int, str], inspectors: dict[int, str]
    ) -> None:
        self.server = server
        self.admin_key = admin_key
        self.tills = tills
        self.inspectors = inspectors

    def options(self, city: Path, **changes: Any) -> Options:
        chosen: dict[str, Any] = {"phones": 14, "minutes": 12, "seed": 5, "start": START} | changes
        keys = {"tills": self.tills, "inspectors": self.inspectors}
        return Options(url=self.server.url, admin_key=self.admin_key, city=city, **keys, **chosen)


async def furnish(server: Server) -> Town:
    connection = await asyncpg.connect(server.database_url)
    admin_key = await create_admin_key(connection)
    await connection.close()
    tills: dict[int, str] = {}
    headers = {"Authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as admin:
        for number, name in enumerate(("Bread", "Books")):
            retailer = (await made(admin.post("/v1/retailers", json={"name": name})))["retailer_id"]
            tills[retailer] = (
                await made(admin.post(f"/v1/retailers/{retailer}/keys", json={"role": "till"}))
            )["key"]
            await _sites(admin, retailer, number)
            offer = await made(
                admin.post("/v1/offers", params={"retailer_id": retailer}, json=offer_of(name))
            )
            await made(
                admin.post(f"/v1/offers/{offer['offer_id']}/activate", params={"retailer_id": retailer})
            )
        inspectors = await _parking(admin)
    return Town(server, admin_key, tills, inspectors)


async def _sites(admin: httpx.AsyncClient, retailer: int, number: int) -> None:
    owner = {"retailer_id": retailer}
    for row, column in ((1, 1 + number), (4, 5 - number), (7, 2 + number), (2, 7), (8, 8)):
        lat, lon = corner(row, column)
        lat, lon = lat + 0.0002 * (1 + number), lon + 0.0003
        site = {"name": f"{row}-{column}", "lat": lat, "lon": lon, "time_zone": "Europe/Helsinki"}
        external_id = f"{number}-{row}-{column}"
        site_id = (await made(admin.put(f"/v1/sites/{external_id}", params=owner, json=site)))["site_id"]
        fence = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {"name": external_id, "radius_m": 60, "site_id": site_id, "tags": ["shop"]},
        }
        await made(admin.post("/v1/fences", params=owner, json=fence))


async def _parking(admin: httpx.AsyncClient) -> dict[int, str]:
    """One zone over all of the town, cheaper for residents."""
    retailer = (await made(admin.post("/v1/retailers", json={"name": "Parking"})))["retailer_id"]
    owner = {"retailer_id": retailer}
    visitors = {"priority": 1, "hours": "Mo-Fr 08:00-20:00", "lines": [line(price_minor=60)]}
    residents = {"user_classes": ["resident"], "hours": "Mo-Fr 08:00-20:00", "lines": [line(price_minor=10)]}
    tariff = {"id": "town", "version": 1, "currency": "EUR", "rates": [residents, visitors]}
    await made(admin.post("/v1/parking/tariffs", params=owner, json=tariff))
    (south, west), (north, east) = corner(-1, -1), corner(SIZE, SIZE)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    zone = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"code": "T1", "time_zone": "Europe/Helsinki", "tariff": "town"},
    }
    await made(admin.post("/v1/parking/zones", params=owner, json=zone))
    keys = f"/v1/retailers/{retailer}/keys"
    return {retailer: (await made(admin.post(keys, json={"role": "enforce"})))["key"]}


def line(*, price_minor: int) -> dict[str, Any]:
    return {"type": "increment", "per_minutes": 10, "price_minor": price_minor}


async def made(asked: Any) -> dict[str, Any]:
    answer = await asked
    assert answer.is_success, answer.text
    said: dict[str, Any] = answer.json()
    return said


def offer_of(name: str) -> dict[str, Any]:
    return {
        "content": {"en": {"title": name, "text": f"Half price at {name}."}},
        "triggers": ["enter", "dwell"],
        "channel": "push",
        "tags": [name.lower()],
        "fences": {"tags": ["shop"]},
        "budget": {"deliveries": 4, "redemptions": 2},
    }


@pytest.fixture
def town(start_server: StartServer, new_database: Callable[[], str]) -> MakeTown:
    """Makes a fresh town on a server of its own."""

    async def make() -> Town:
        return await furnish(start_server(new_database(), clock="simulated"))

    return make


async def test_a_run_on_a_sound_server_finds_offers_crossings_and_no_violation(
    town: MakeTown, town_file: Path
) -> None:
    report: Report = await simulate((await town()).options(town_file))
    assert report.explanations == []
    assert set(report.violations.values()) == {0}
    assert report.errors == {}
    assert report.fixes == 14 * 12 * 4
    assert report.fix_statuses["accepted"] > report.fix_statuses["no_location_consent"] > 0
    assert 0 < report.deliveries <= 8
    assert report.suppressed["frequency_cap"] > 0
    assert report.true_stays > 20
    assert report.repeats_answered_differently == 0
    for quality in report.detection.values():
        assert quality.f1 > 0.6


async def test_drivers_are_asked_pay_extend_and_are_looked_at(town: MakeTown, town_file: Path) -> None:
    report: Report = await simulate((await town()).options(town_file, phones=50, minutes=30))
    assert report.explanations == []
    assert report.errors == {}
    parking = report.parking
    assert 5 <= parking.drivers <= parking.stops_in_zones
    assert parking.sessions > 0
    assert parking.paid_minor > 0
    assert parking.ledger_balance_minor == 0
    assert parking.inspected > 0
    assert parking.prompts.found > 0
    assert parking.prompts.precision == 1
    assert parking.prompts.pedestrians_asked == 0


async def test_the_same_people_walk_the_same_way_again_a_week_later(town: MakeTown, town_file: Path) -> None:
    made_town: Town = await town()
    first = await simulate(made_town.options(town_file, phones=10, minutes=4))
    again = await simulate(made_town.options(town_file, phones=10, minutes=4, start=None))
    assert first.crossings > 0
    # Which of a fix and a withdrawal of the same moment comes first is up to the network.
    assert first.fixes == again.fixes
    assert sum(first.fix_statuses.values()) == sum(again.fix_statuses.values())
    assert abs(first.crossings - again.crossings) <= first.crossings / 10
    assert (first.simulated_from[:10], again.simulated_from[:10]) == ("2026-11-19", "2026-11-26")
    assert again.explanations == []
    assert again.errors == {}


async def test_the_command_writes_the_promised_report_and_a_summary(
    town: MakeTown, town_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_town: Town = await town()
    keys, written = tmp_path / "keys.json", tmp_path / "report.json"
    retailers = [
        {"retailer_id": one, "name": "x", "manage": "-", "till": till}
        for one, till in made_town.tills.items()
    ]
    keys.write_bytes(msgspec.json.encode({"admin": made_town.admin_key, "retailers": retailers}))
    arguments = ["--url", made_town.server.url, "--keys", str(keys), "--city", str(town_file)]
    arguments += ["--phones", "5", "--minutes", "2", "--report", str(written)]
    # In a thread of its own: the command runs an event loop, and so does this test.
    assert await asyncio.to_thread(main, arguments) == 0
    report = msgspec.json.decode(written.read_bytes())
    assert tuple(report)[: len(PROMISED)] == PROMISED
    assert set(report["violations"]) == set(KINDS)
    for kind in ("enter", "exit"):
        assert set(report["detection"][kind]) == {"precision", "recall", "f1"}
    shown = capsys.readouterr().out
    assert "5 phones" in shown
    assert "Walking: 100 %" in shown
    assert "broke quiet hours" in shown


def test_the_command_says_what_is_wrong_instead_of_tracing_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--keys", str(tmp_path / "none.json")]) == 1
    assert "The simulation cannot go on" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--url", "http://127.0.0.1:1"])
    assert "an admin key is needed" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--admin-key", "x", "--phones", "0"])
    with pytest.raises(SystemExit, match="2"):
        main(["--admin-key", "x", "--start", "2026-11-19T12:00"])


@pytest.mark.parametrize(
    ("now", "noon"),
    [
        ("2026-11-19T09:59+00:00", "2026-11-19T12:00+02:00"),
        ("2026-11-19T10:00+00:00", "2026-11-19T12:00+02:00"),
        ("2026-11-19T10:01+00:00", "2026-11-26T12:00+02:00"),
        # Over the end of summer time in Helsinki, 25 October 2026.
        ("2026-10-23T09:00+00:00", "2026-10-29T12:00+02:00"),
        ("2026-10-16T09:00+00:00", "2026-10-22T12:00+03:00"),
    ],
)
def test_a_run_begins_on_a_thursday_at_noon_in_helsinki(now: str, noon: str) -> None:
    assert next_thursday_noon(datetime.fromisoformat(now)) == datetime.fromisoformat(noon)
