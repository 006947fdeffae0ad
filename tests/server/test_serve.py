"""A served app as an operator sees it: it starts, survives its workers, and ends when told."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
import urllib.request
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.embedded import Cluster
from tests.world import World

# Granian kills after 10 s.
SOON_S = 8.0


def wait_until(claim, within_s=60):
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def get(server, path):
    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        return answer.read()


def test_a_told_server_ends_cleanly_and_takes_its_workers_along(start_server, database_url):
    server = start_server(database_url, workers=2)
    workers = server.worker_pids()
    assert len(workers) == 2
    assert server.stop() == 0
    assert not any(map(is_running, workers))
    assert "Traceback" not in server.log_text()


@pytest.mark.parametrize("told", ["as an operator does", "as a terminal does"])
def test_a_server_with_open_streams_ends_them_and_itself(start_server, database_url, told):
    server = start_server(database_url, workers=2)
    new = {"installation_id": uuid4().hex, "platform": "android"}
    token = httpx.post(f"{server.url}/v1/devices", json=new).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    with httpx.stream("GET", f"{server.url}/v1/live", headers=headers, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": welcome"
        began = time.monotonic()
        if told == "as a terminal does":
            os.killpg(server.process.pid, signal.SIGINT)
            assert server.process.wait(30) == 0
        else:
            assert server.stop() == 0
        assert time.monotonic() - began < SOON_S
        assert not any(lines), "the stream is ended, not broken off"
    assert "Killing" not in server.log_text(), "the workers stopped their engines and ended by themselves"


def test_a_killed_worker_is_replaced_however_often(start_server, database_url):
    server = start_server(database_url, workers=2)
    for _ in range(3):
        killed = server.worker_pids()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda killed=killed: not any(map(is_running, killed)))
        wait_until(lambda: len(server.worker_pids()) == 2 and server.is_ready())
    assert server.process.poll() is None


def test_workers_do_not_outlive_a_killed_server(start_server, database_url):
    server = start_server(database_url, workers=2)
    workers = server.worker_pids()
    os.kill(server.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, workers)))
    server.process.wait()


def test_metrics_are_those_of_all_workers_and_a_dead_ones_gauges_are_gone(start_server, database_url):
    server = start_server(database_url, workers=2)
    for _ in range(20):
        get(server, "/health/live")
    before = get(server, "/metrics").decode()
    os.kill(server.worker_pids()[0], signal.SIGKILL)
    wait_until(lambda: len(server.worker_pids()) == 2 and server.is_ready())
    after = get(server, "/metrics").decode()
    assert requests_counted(before) >= 20
    assert requests_counted(after) >= requests_counted(before)
    # The oldest version of all workers is told: a dead one's would never move again.
    version = asyncio.run(edited(database_url))
    wait_until(lambda: gauge(server, "alentour_index_version") == version)


async def edited(database_url):
    connection = await asyncpg.connect(database_url)
    try:
        await World(connection).edited()
        return await connection.fetchval("SELECT version FROM config_version")
    finally:
        await connection.close()


def gauge(server, name):
    lines = get(server, "/metrics").decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0] == name)


def requests_counted(text):
    prefix = "alentour_http_requests_total{"
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(prefix))


def test_without_a_database_url_it_brings_its_own_and_stops_it(start_server):
    folder = Path(tempfile.mkdtemp(prefix="alentour-served-", dir="/tmp"))
    folder.chmod(0o755)
    cluster = Cluster(folder)
    try:
        server = start_server(None, environ={"ALENTOUR_DATA_DIR": str(folder)})
        assert cluster.postmaster_pid is not None
        killed = cluster.postmaster_pid
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: cluster.postmaster_pid not in {None, killed})
        wait_until(server.is_ready)
        assert json.loads(get(server, "/health/live"))["status"] == "live"
        assert server.stop() == 0
        assert cluster.postmaster_pid is None
        again = start_server(None, environ={"ALENTOUR_DATA_DIR": str(folder)})
        again.kill()
        wait_until(lambda: cluster.postmaster_pid is None)
    finally:
        shutil.rmtree(folder)
