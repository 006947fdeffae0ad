"""`bin/audit.py`: a known vulnerability fails the checks, a missing network does not, and each says so."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.serving import CHECKOUT, free_port

HASH = "--hash=sha256:" + "0" * 64
LOCK = f"jinja2==2.10 \\\n    {HASH}\nmarkupsafe==2.0.1 \\\n    {HASH}\n"
ADVISORY = {
    "id": "GHSA-0000-0000-0000",
    "modified": "2026-01-01T00:00:00Z",
    "details": "Invented.",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "versions": ["2.10"],
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
        }
    ],
}


class Service:
    """An advisory service in OSV's form, on this machine."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.asked = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.asked += 1
                query = json.loads(self.rfile.read(int(self.headers["content-length"])))
                advisory = service.known.get(query["package"]["name"])
                body = json.dumps({"vulns": [advisory]} if advisory else {}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/query"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.stop()


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a copy of the script in a checkout of its own, whose answers are its own too."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv").mkdir()
    script = tmp_path / "bin" / "audit.py"
    script.write_text((CHECKOUT / "bin" / "audit.py").read_text())
    (tmp_path / "requirements.lock").write_text(LOCK)

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "NO_PROXY": "127.0.0.1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, str(script), *options]
        return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)

    return run


def test_a_known_vulnerability_fails_and_is_named_with_what_mends_it(audit, service):
    service.known["jinja2"] = ADVISORY
    done = audit("-s", "osv", "--osv-url", service.url)
    assert done.returncode == 1
    assert done.stderr == "audit: jinja2 2.10 has GHSA-0000-0000-0000; mended in 2.10.1\n"
    assert audit("-s", "osv", "--osv-url", service.url).returncode == 1, "however often one asks"


def test_one_that_has_to_be_lived_with_can_be_named(audit, service):
    service.known["jinja2"] = ADVISORY
    done = audit("-s", "osv", "--osv-url", service.url, "--ignore-vuln", "GHSA-0000-0000-0000")
    assert (done.returncode, done.stderr) == (0, "")


def test_where_nothing_is_known_it_says_of_how_many_and_asks_once_a_day(audit, service):
    options = ("-s", "osv", "--osv-url", service.url)
    done = audit(*options)
    assert (done.returncode, done.stdout) == (0, "audit: nothing is known against 2 packages\n")
    asked = service.asked
    assert asked >= 2
    assert audit(*options).returncode == 0
    assert service.asked == asked


def test_where_nobody_can_be_asked_one_line_says_so_and_nothing_fails(audit):
    nowhere = f"http://127.0.0.1:{free_port()}/v1/query"
    done = audit("-s", "osv", "--osv-url", nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("audit: the advisories cannot be reached here, so nothing was audited (")
    assert done.stdout.count("\n") == 1
    assert audit("-s", "osv", "--osv-url", nowhere, "--must-answer").returncode == 1


def test_a_lock_file_that_cannot_be_read_is_no_missing_network(audit, service, tmp_path):
    (tmp_path / "requirements.lock").write_text("jinja2==2.10\n")
    done = audit("-s", "osv", "--osv-url", service.url)
    assert done.returncode == 2
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    assert audit("-s", "osv", "--osv-url", service.url).returncode == 2


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", CHECKOUT / "bin" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_mirror_that_has_packages_but_no_advisories_is_nobody_to_ask(script):
    passed_over = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}
    with pytest.raises(script.Unreachable):
        script.judged(json.dumps({"dependencies": [passed_over], "fixes": []}), "")


def test_a_single_package_that_nobody_knows_is_named(script, capsys):
    known = {"name": "markupsafe", "version": "2.0.1", "vulns": []}
    passed_over = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}
    assert script.judged(json.dumps({"dependencies": [known, passed_over]}), "") == ([], 1)
    assert capsys.readouterr().out == "audit: nobody knows ours\n"
