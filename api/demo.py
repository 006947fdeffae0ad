"""`alentour demo`: a real city, its retailers, and an hour of simulated phones against the real API.

Owns the order of the steps and what is said about them. The city is imported once and kept as a
template database; every demo starts from a fresh copy of it, on a simulated clock. The phones are
a program of their own (`simulator`) that knows nothing but the address and the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from api import demo_city, demo_kitchens, demo_parking, importer, schema
from api.demo_calls import call
from api.embedded import Cluster
from api.embedded.locks import FileLock
from api.server import await_port
from api.settings import Settings, variable_of
from geo.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from api.demo_city import DemoCity
    from api.demo_parking import Operator

_HOST: Final = "127.0.0.1"
_READY_WITHIN_S: Final = 60.0
_STOPPED_WITHIN_S: Final = 20.0
_TEMPLATES: Final = "demo_city_"
_IMPORTED_WITHIN_S: Final = 300.0
_PACKAGES: Final = ("api", "geo", "offers")
_KINDS_OF_SOURCE: Final = frozenset({".py", ".sql", ".toml"})


def run(chosen: argparse.Namespace) -> int:
    """The whole demo; the exit code is 1 unless offers were delivered without a broken promise or error."""
    settings = Settings.from_environment()
    if settings.database_url is not None:
        raise InvalidInput(f"the demo brings its own database: unset {variable_of('database_url')}")
    if chosen.report is not None:
        _try_to_write(chosen.report)
    port = _port(settings)
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as stack:
        _say("Starting the embedded database")
        cluster = stack.enter_context(Cluster(settings.data_dir))
        url = _fresh_city(cluster, chosen.seed, f"demo_{port}")
        city = asyncio.run(_with(url, demo_city.open_demo))
        server = stack.enter_context(_server(url, port))
        address = f"http://{_HOST}:{port}"
        _say(f"Serving on {address} with a simulated clock")
        operators = _open_parking(address, city.admin_key, chosen.seed)
        report = _simulate(address, city, operators, chosen)
        if not chosen.exit:
            _serve_on(server, address, city)
    return exit_code(report)


def exit_code(report: dict[str, Any]) -> int:
    """0 where offers were delivered without a broken promise or an error, else 1."""
    is_good = report["deliveries"] and not report["errors"] and not any(report["violations"].values())
    return 0 if is_good else 1


def _fresh_city(cluster: Cluster, seed: int, name: str) -> str:
    """The URL of a new copy of the furnished city; importing it first where that was not done yet."""
    template = _TEMPLATES + _fingerprint(seed)
    # One demo at a time, until it has its copy: so no other's draft or template is in use below.
    with FileLock(cluster.data_dir / "demo_city.lock") as lock:
        lock.wait(within_s=_IMPORTED_WITHIN_S, what="another demo's import of the city")
        if not cluster.has_database(template):
            _build(cluster, template, seed)
            _drop_all_but(cluster, template)
        cluster.drop_database(name)
        cluster.create_database(name, template=template)
    return cluster.url(name)


def _drop_all_but(cluster: Cluster, template: str) -> None:
    """Drop the cities of other sources or seeds, and what a killed import left behind."""
    for name in cluster.databases(_TEMPLATES):
        if name != template:
            cluster.drop_database(name)


def _fingerprint(seed: int) -> str:
    """Changes with everything the template is made of: the seed, the map and all that reads it."""
    made_of = hashlib.sha256(str(seed).encode())
    root = Path(__file__).parent.parent
    for file in [demo_city.helsinki_file(), *_sources(root)]:
        made_of.update(hashlib.sha256(file.read_bytes()).digest())
    return made_of.hexdigest()[:16]


def _sources(root: Path) -> list[Path]:
    found = (file for package in _PACKAGES for file in (root / package).rglob("*"))
    return sorted(file for file in found if file.suffix in _KINDS_OF_SOURCE)


def _build(cluster: Cluster, template: str, seed: int) -> None:
    # Built under another name: a template that exists is complete.
    draft = f"{template}_draft"
    cluster.drop_database(draft)
    cluster.create_database(draft)
    _say("Importing central Helsinki (this happens once)")
    url = cluster.url(draft)
    schema.upgrade(url)

    async def furnish(connection: asyncpg.Connection) -> None:
        await importer.import_and_print(
            connection,
            path=demo_city.helsinki_file(),
            retailer=None,
            time_zone=demo_city.HELSINKI_TIME_ZONE,
        )
        await demo_city.furnish(connection, seed=seed)

    asyncio.run(_with(url, furnish))
    menus = asyncio.run(demo_kitchens.serve_menus(url, seed=seed))
    _say(f"Restaurants, cafés and bars serve {menus} menus")
    cluster.create_database(template, template=draft)
    cluster.drop_database(draft)


async def _with(url: str, work: Any) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await work(connection)
    finally:
        await connection.close()


def _try_to_write(report: Path) -> None:
    """Raise InvalidInput now if the report could not be written after an hour of simulation."""
    try:
        is_new = not report.exists()
        report.open("ab").close()
    except OSError as error:
        raise InvalidInput(f"--report {report}: {error.strerror}") from None
    if is_new:
        report.unlink()


def _port(settings: Settings) -> int:
    """The port that was set, once it is free, or another where the default is taken."""
    if variable_of("port") in os.environ:
        # Whoever listens there already would answer in the demo's stead.
        await_port(_HOST, settings.port, instead=f"set {variable_of('port')} to another")
        return settings.port
    if _is_free(settings.port):
        return settings.port
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def _server(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real `alentour serve`; its log goes to a file that is named when it fails."""
    log_path = Path(tempfile.gettempdir()) / f"alentour-demo-{port}.log"
    environment = os.environ | {
        variable_of("database_url"): url,
        variable_of("clock"): "simulated",
        variable_of("port"): str(port),
        variable_of("host"): _HOST,
        variable_of("log_level"): "warning",
    }
    with log_path.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve"], env=environment, stdout=log, stderr=log
        )
        try:
            _await_ready(server, port, log_path)
            yield server
        finally:
            server.terminate()
            try:
                server.wait(timeout=_STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                server.kill()


def _await_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        # Its end is looked for first: a stranger may answer on its port.
        if server.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(f"the server did not start; its log is {log}")
        if _is_ready(port):
            return
        time.sleep(0.1)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{_HOST}:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _open_parking(address: str, key: str, seed: int) -> list[Operator]:
    """Give the city its parking operators, through the imports that any operator uses."""
    plans = demo_parking.plan(demo_city.helsinki_file(), seed=seed)
    operators = [demo_parking.open_operator(address, key, one) for one in plans]
    _say(f"Imported {sum(one.zones for one in operators)} paid parking zones of {len(operators)} operators")
    return operators


def _simulate(
    address: str, city: DemoCity, operators: list[Operator], chosen: argparse.Namespace
) -> dict[str, Any]:
    """Let the phones walk. The simulator prints its progress and summary itself."""
    with tempfile.TemporaryDirectory(prefix="alentour-demo-") as folder:
        keys = Path(folder) / "keys.json"
        keys.write_bytes(keys_file(city, operators))
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "simulator", "--url", address, "--keys", str(keys)]
        command += ["--city", str(demo_city.helsinki_file()), "--report", str(report)]
        for option in ("phones", "minutes", "seed"):
            command += [f"--{option}", str(getattr(chosen, option))]
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own interpreter and module
            raise Unavailable("the simulation did not finish")
        if chosen.report is not None:
            chosen.report.write_bytes(report.read_bytes())
            _say(f"The report is in {chosen.report}")
        read: dict[str, Any] = json.loads(report.read_bytes())
        return read


def keys_file(city: DemoCity, operators: Iterable[Operator] = ()) -> bytes:
    """What the simulator reads as `--keys`."""
    return msgspec.json.encode(
        {
            "admin": city.admin_key,
            "retailers": [
                {"retailer_id": r.retailer_id, "name": r.name, "manage": r.manage_key, "till": r.till_key}
                for r in city.retailers
            ],
            "operators": [
                {"retailer_id": o.retailer_id, "name": o.name, "enforce": o.enforce_key} for o in operators
            ],
        }
    )


def _serve_on(server: subprocess.Popen[bytes], address: str, city: DemoCity) -> None:
    """Let the clock tick on at real speed and wait for Ctrl-C."""
    _tick(address, city.admin_key)
    shop = city.retailers[0]
    key = shop.manage_key
    offer_id = _first_offer(address, key)
    print(
        f"""
Alentour goes on at {address}: the clock now ticks at real speed.
  Read the API:      {address}/docs
  Key of {shop.name}: {key}
  Key of the operator: {city.admin_key}

Three things to try:
  What {shop.name} offers:
    curl -s -H 'Authorization: Bearer {key}' {address}/v1/offers
  What became of one of its offers, with every reason it was not shown:
    curl -s -H 'Authorization: Bearer {key}' {address}/v1/offers/{offer_id}/counts
  A phone of your own (its answer holds the token that every further call carries):
    curl -s -H 'Content-Type: application/json' {address}/v1/devices \\
      -d '{{"installation_id": "my-first-phone-{os.urandom(6).hex()}", "platform": "android"}}'

Ctrl-C ends it.""",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.wait()


def _tick(address: str, key: str) -> None:
    call(f"{address}/v1/clock/tick", key, {"ticking": True})


def _first_offer(address: str, key: str) -> int:
    offer_id: int = call(f"{address}/v1/offers?limit=1", key)["items"][0]["offer_id"]
    return offer_id


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"· {text}", flush=True)
