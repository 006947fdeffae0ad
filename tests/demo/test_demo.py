"""`alentour demo` as a person runs it: the exit code, the report, and a second run that is quick."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api import demo
from api.embedded import Cluster
from simulator.recount import KINDS as VIOLATIONS
from tests.serving import CHECKOUT, free_port

PROMISED = {
    *("fixes", "crossings", "deliveries", "redemptions", "suppressed", "violations", "detection", "seconds"),
    *("menus", "parking"),
}
Demo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_demo(short_folder: Path) -> Demo:
    """Run `alentour demo … --exit` on a data folder of its own."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ALENTOUR_")}
        kept |= {"ALENTOUR_DATA_DIR": str(short_folder / "demo"), "ALENTOUR_PORT": str(free_port())}
        return subprocess.run(
            [sys.executable, "-m", "api.cli", "demo", *arguments, "--exit"],
            cwd=CHECKOUT,
            env=kept | environ,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run


def test_the_demo_keeps_its_promises_and_imports_once(run_demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    first = run_demo("--phones", "40", "--minutes", "60", "--report", str(file))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Importing" in first.stdout
    report = json.loads(file.read_bytes())
    assert report.keys() >= PROMISED
    assert report["violations"] == dict.fromkeys(VIOLATIONS, 0)
    assert report["detection"].keys() == {"enter", "exit"}
    for kind, at_least in (("enter", 0.9), ("exit", 0.85)):
        quality = report["detection"][kind]
        assert quality.keys() == {"precision", "recall", "f1"}
        assert quality["f1"] >= at_least
    assert report["errors"] == {}
    assert report["deliveries"] > 0
    assert report["redemptions"] > 0
    assert report["menus"]["reads"] > 0
    parking = report["parking"]
    assert parking.keys() >= {"sessions", "paid_minor", "declined", "fps", "ledger_balance_minor"}
    assert parking["sessions"] > 0
    assert parking["paid_minor"] > 0
    assert parking["ledger_balance_minor"] == 0
    assert parking["prompts"]["pedestrians_asked"] == 0
    assert len([reason for reason, count in report["suppressed"].items() if count > 0]) >= 5
    second = run_demo("--phones", "2", "--minutes", "1")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Importing" not in second.stdout


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({}, 0),
        ({"violations": {"consent": 0, "caps": 1}}, 1),
        ({"errors": {"plausible fix refused: late": 1}}, 1),
        ({"deliveries": 0}, 1),
    ],
)
def test_a_demo_that_shows_a_fault_or_nothing_at_all_fails(found: dict[str, Any], code: int) -> None:
    report = {"violations": {"consent": 0, "caps": 0}, "errors": {}, "deliveries": 3}
    assert demo.exit_code(report | found) == code


def test_a_database_of_ones_own_is_refused_in_one_line(run_demo: Demo) -> None:
    done = run_demo(ALENTOUR_DATABASE_URL="postgresql://somebody@/places?host=/nowhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "ALENTOUR_DATABASE_URL" in done.stderr


def test_a_port_that_a_stranger_listens_on_is_refused_before_anything_begins(run_demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = str(stranger.getsockname()[1])
        done = run_demo("--phones", "2", "--minutes", "1", ALENTOUR_PORT=port)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert port in done.stderr
    assert "ALENTOUR_PORT" in done.stderr


@pytest.mark.parametrize("where", ["nowhere/report.json", ".", "file/report.json"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_begins(
    run_demo: Demo, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").touch()
    done = run_demo("--phones", "2", "--minutes", "1", "--report", str(tmp_path / where))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "--report" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["api/importer.py", "geo/osm.py", "offers/tables.py", "api/demo_x.toml"])
def test_a_changed_source_makes_another_city(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / name
    source.parent.mkdir()
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "api" / "demo.py"))
    source.write_text("before")
    before = demo._fingerprint(1)
    assert demo._fingerprint(1) == before
    assert demo._fingerprint(2) != before
    source.write_text("after")
    assert demo._fingerprint(1) != before


def test_a_new_city_replaces_the_old_ones_and_their_drafts(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(cluster: Cluster, template: str, seed: int) -> None:
        cluster.create_database(template)

    monkeypatch.setattr(demo, "_build", build)
    others = ["demo_city_0123456789abcdef", "demo_city_fedcba9876543210_draft"]
    for other in others:
        cluster.create_database(other)
    demo._fresh_city(cluster, 1, "demo_test")
    template = "demo_city_" + demo._fingerprint(1)
    assert cluster.databases("demo_") == [template, "demo_test"]
    cluster.create_database(others[0])
    demo._fresh_city(cluster, 1, "demo_test")
    assert cluster.databases("demo_") == [others[0], template, "demo_test"]
    for name in cluster.databases("demo_"):
        cluster.drop_database(name)
