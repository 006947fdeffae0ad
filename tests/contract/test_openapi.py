"""Whatever the OpenAPI document allows or forbids, no request makes the server fail or contradict it.

Every route is tried with ids that exist and by somebody who may use it: one that answers only
"who are you?" or "you may not" was not tried at all.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.contract.seeding import Seeded, seed
from tests.serving import CHECKOUT, Server, StartServer

EXAMPLES = "4"
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"
# Endless by design: a stream of events.
ENDLESS = "/v1/live"
PHONES = (
    "^/v1/(fixes|devices|me|consents|nearby|parking/(zones/by-code|quotes|sessions|prompts)|fences/sync|inbox|deliveries|references|previews"
    "|caps/effective|test-phones/accept)"
)
# They end what the caller goes by, so they come last.
FAREWELLS = "^/v1/me/(devices/[^/]+/revoke|token/rotate)$"
# After it there is nobody who could ask.
ERASURE = "^/v1/me$"
ENDS_OF_KEYS = "^/v1/keys/"
TILLS = "^/v1/redemptions"
INSPECTORS = "^/v1/parking/(enforcement|zones/[^/]+/enforcement)"
LOCKED_OUT = {"401", "403"}
COUNTED = re.compile(r"^alentour_http_requests_total\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')

Seed = Callable[..., Seeded]
Operation = tuple[str, str]


@pytest.fixture
def seeded(start_server: StartServer, database_url: str) -> Seed:
    def start(**options: Any) -> Seeded:
        return asyncio.run(seed(start_server, database_url, **options))

    return start


class Trial:
    """Tries at one server, and what they were answered."""

    def __init__(self, seeded: Seeded, folder: Path) -> None:
        self.seeded = seeded
        self._config = folder / "schemathesis.toml"
        self._config.write_text(_configuration(seeded.known))

    def of(self, credential: str, *selection: str) -> None:
        """Schemathesis with a credential on the selected paths: no server error."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(self._config), "run"),
                f"{self.seeded.url}/openapi.json",
                *("-H", f"Authorization: Bearer {credential}", "--checks", CHECKS),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "7"),
                *("--exclude-path", ENDLESS, "--warnings", "off", *selection),
            ],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert "No issues found" in done.stdout

    def locked_out(self, paths: str) -> list[Operation]:
        """The described operations on these paths that nobody was ever let in to."""
        answered = self._answered()
        described = [
            (method.upper(), path)
            for path, methods in read_document(self.seeded.url)["paths"].items()
            for method in methods
            if re.search(paths, path) and path != ENDLESS
        ]
        assert described
        return [operation for operation in described if answered[operation] <= LOCKED_OUT]

    def _answered(self) -> dict[Operation, set[str]]:
        with urllib.request.urlopen(f"{self.seeded.url}/metrics") as answer:
            text = answer.read().decode()
        found: dict[Operation, set[str]] = defaultdict(set)
        for labels, _ in COUNTED.findall(text):
            said = dict(LABEL.findall(labels))
            path = re.sub(r":\w+\}", "}", said["route"])
            found[said["method"], path.rstrip("/")].add(said["status"])
        return found


def _configuration(known: dict[str, list[Any]]) -> str:
    """Half of the ids and codes are real ones."""
    lines = []
    for name, values in known.items():
        where = "body" if name == "code" else "path"
        lines += [f"[dictionaries.{name}]", f"values = {msgspec.json.encode(values).decode()}"]
        lines += [f"[parameters.'{where}.{name}']", f"dictionary = '{name}'", "probability = 0.5"]
    return "\n".join(lines) + "\n"


def test_no_request_of_a_phone_or_a_till_makes_the_server_fail(seeded: Seed, tmp_path: Path) -> None:
    trial = Trial(seeded(), tmp_path)
    phone = trial.seeded.token
    trial.of(phone, "--include-path-regex", PHONES, "--exclude-path-regex", f"{FAREWELLS}|{ERASURE}")
    assert httpx.get(f"{trial.seeded.url}/v1/me", headers=bearer(phone)).status_code == 200, "logged out"
    trial.of(phone, "--include-path-regex", FAREWELLS)
    trial.of(phone, "--include-path-regex", ERASURE)
    trial.of(trial.seeded.till_key, "--include-path-regex", TILLS)
    trial.of(trial.seeded.inspector_key, "--include-path-regex", INSPECTORS)
    assert trial.locked_out(f"{PHONES}|{TILLS}|{INSPECTORS}") == []


def test_no_request_of_an_operator_makes_the_server_fail(seeded: Seed, tmp_path: Path) -> None:
    trial = Trial(seeded(clock="simulated"), tmp_path)
    admin = trial.seeded.admin_key
    trial.of(admin, "--exclude-path-regex", f"{PHONES}|{TILLS}|{INSPECTORS}|{ENDS_OF_KEYS}")
    assert httpx.get(f"{trial.seeded.url}/v1/keys", headers=bearer(admin)).status_code == 200, "logged out"
    trial.of(admin, "--include-path-regex", ENDS_OF_KEYS)
    assert trial.locked_out(f"^(?!.*({PHONES}|{TILLS}|{INSPECTORS}))") == []


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def read_document(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        read: dict[str, Any] = msgspec.json.decode(answer.read())
        return read


def test_every_route_is_described_with_an_example(server: Server) -> None:
    document = read_document(server.url)
    without = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not operation.get("summary") or not operation.get("description"):
                without.append(f"{method} {path}: no summary or description")
            body = operation.get("requestBody")
            if body and "example" not in str(body):
                without.append(f"{method} {path}: no example of a request")
    assert len(document["paths"]) > 30
    assert without == []
