"""The embedded cluster under everything that may happen to it. Real processes, real kills."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from api.embedded import Cluster
from api.embedded.locks import FileLock
from geo.errors import InvalidInput, Unavailable

# Tests that are not about durability need not wait for the disk.
FAST = {"fsync": "off"}
USER_PROGRAM = """
import sys
from pathlib import Path
from api.embedded import Cluster
cluster = Cluster(Path(sys.argv[1]), settings={"fsync": "off"} if "fast" in sys.argv else {})
cluster.start()
print(cluster.postmaster_pid, flush=True)
sys.stdin.read()
cluster.stop()
"""


@pytest.fixture(scope="module")
def made(short_folder):
    """A cluster folder that exists already, to copy instead of running initdb for every test."""
    folder = short_folder / "made"
    with Cluster(folder, settings=FAST):
        pass
    return folder


@pytest.fixture
def folder(made):
    folder = Path(tempfile.mkdtemp(prefix="alentour-embedded-", dir="/tmp"))
    folder.chmod(0o755)
    subprocess.run(["cp", "-a", f"{made}/.", str(folder)], check=True)
    yield folder
    wait_until(lambda: Cluster(folder).postmaster_pid is None)
    shutil.rmtree(folder)


@pytest.fixture
def users(folder):
    """Start other processes that use the cluster until they are told to leave."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", USER_PROGRAM, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.communicate("", timeout=60)
        process.stdin.close()
        process.stdout.close()


def wait_until(claim, within_s=60):
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def run_sql(cluster, *statements, within_s=60):
    """Run statements on one connection, coming back while the server recovers; the last one's value."""

    async def run():
        connection = await asyncpg.connect(cluster.url("postgres"))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    deadline = time.monotonic() + within_s
    while True:
        try:
            return asyncio.run(run())
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def kill_postmaster(cluster):
    pid = cluster.postmaster_pid
    os.kill(pid, signal.SIGKILL)
    return pid


def test_it_starts_durable_on_a_socket_only_and_stops_with_its_user(folder):
    with Cluster(folder) as cluster:
        pid = cluster.postmaster_pid
        settings = {
            name: run_sql(cluster, f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "jit")
        }
        sockets = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "jit": "off",
    }
    assert f":{5432:04X} 00000000:0000 0A" not in sockets
    assert cluster.postmaster_pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_postgresql_comes_back_by_itself_with_everything_committed(folder):
    with Cluster(folder) as cluster:
        run_sql(cluster, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        for _ in range(2):
            killed = kill_postmaster(cluster)
            wait_until(lambda killed=killed: cluster.postmaster_pid not in {None, killed})
            assert run_sql(cluster, "SELECT n FROM kept") == 7


def test_data_survives_a_crash_of_the_app_the_guardian_and_postgresql_together(folder, users):
    app = users()
    app.stdout.readline()
    cluster = Cluster(folder)
    run_sql(cluster, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (8) RETURNING n")
    os.kill(guardian_of(folder), signal.SIGKILL)
    app.kill()
    kill_postmaster(cluster)
    app.wait()
    with Cluster(folder) as again:
        assert run_sql(again, "SELECT n FROM kept") == 8


def test_a_crashed_app_leaves_no_server_behind(folder, users):
    app = users()
    app.stdout.readline()
    cluster = Cluster(folder)
    assert cluster.postmaster_pid is not None
    app.kill()
    app.wait()
    wait_until(lambda: cluster.postmaster_pid is None)
    wait_until(lambda: is_free(folder / "guard.lock"))


def test_a_guardian_that_died_is_replaced_and_adopts_the_running_server(folder, users):
    first = users()
    pid = int(first.stdout.readline())
    os.kill(guardian_of(folder), signal.SIGKILL)
    second = users()
    assert int(second.stdout.readline()) == pid
    first.communicate("", timeout=60)
    second.communicate("", timeout=60)
    assert Cluster(folder).postmaster_pid is None


def test_a_pid_file_that_names_another_program_does_not_keep_it_from_starting(folder):
    stale = f"{os.getpid()}\n{folder / 'cluster'}\n1700000000\n5432\n{folder / 'socket'}\n\n  1  1\nready\n"
    (folder / "cluster" / "postmaster.pid").write_text(stale)
    (folder / "socket" / ".s.PGSQL.5432.lock").write_text(stale)
    assert Cluster(folder).postmaster_pid is None
    with Cluster(folder) as cluster:
        assert run_sql(cluster, "SELECT 1") == 1
        assert cluster.postmaster_pid != os.getpid()


def test_a_half_done_initdb_is_started_over(short_folder):
    folder = short_folder / "half"
    (folder / "cluster.new-abc" / "base").mkdir(parents=True)
    (folder / "cluster.new-abc" / "PG_VERSION").write_text("15\n")
    with Cluster(folder, settings=FAST) as cluster:
        assert run_sql(cluster, "SELECT 1") == 1
    assert list(folder.glob("cluster.new-*")) == []


def test_two_starters_of_a_new_folder_share_one_server(short_folder, tmp_path):
    folder = short_folder / "both"
    command = [sys.executable, "-c", USER_PROGRAM, str(folder), "fast"]
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(2)
        ]
        pids = {process.stdout.readline().strip() for process in both}
        assert len(pids) == 1
        assert pids != {"None"}
        both[0].communicate("", timeout=60)
        assert Cluster(folder).postmaster_pid == int(pids.pop())
        both[1].communicate("", timeout=60)
    assert Cluster(folder).postmaster_pid is None


def test_two_folders_never_meet(folder, short_folder):
    with Cluster(folder, settings=FAST) as one, Cluster(short_folder / "other", settings=FAST) as other:
        one.create_database("only_here")
        assert one.postmaster_pid != other.postmaster_pid
        assert one.has_database("only_here")
        assert not other.has_database("only_here")


def test_a_long_path_gets_a_short_socket(short_folder):
    folder = short_folder / ("a-rather-long-name-" * 6)
    with Cluster(folder, settings=FAST) as cluster:
        assert run_sql(cluster, "SELECT 1") == 1
        socket = Path(run_sql(cluster, "SHOW unix_socket_directories"))
    assert not socket.is_relative_to(folder)
    assert socket.stat().st_mode & 0o777 == 0o700
    socket.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_root_runs_it_as_an_account_that_can_reach_its_folder():
    with tempfile.TemporaryDirectory(prefix="closed-", dir="/tmp") as closed:
        cluster = Cluster(Path(closed) / "data", settings=FAST)
        assert cluster.was_moved
        try:
            with cluster:
                owner = Path(f"/proc/{cluster.postmaster_pid}").stat().st_uid
                assert owner != 0
                assert run_sql(cluster, "SELECT 1") == 1
            assert not (Path(closed) / "data").exists()
        finally:
            shutil.rmtree(cluster.data_dir)


def test_a_database_is_cloned_from_a_template_and_dropped_under_open_connections(folder):
    with Cluster(folder) as cluster:
        cluster.create_database("first")
        cluster.create_database("second", template="first")

        async def drop_while_connected():
            connection = await asyncpg.connect(cluster.url("second"))
            await asyncio.to_thread(cluster.drop_database, "second")
            with pytest.raises((asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
                await connection.fetchval("SELECT 1")
            connection.terminate()

        asyncio.run(drop_while_connected())
        assert cluster.has_database("first")
        assert not cluster.has_database("second")


def test_no_pg_variable_bends_the_url(folder, monkeypatch):
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    monkeypatch.setenv("PGUSER", "nobody")
    with Cluster(folder) as cluster:
        assert run_sql(cluster, "SELECT current_user::text") == "alentour"


@pytest.mark.parametrize("name", ["Bad", "a-b", "", "a" * 64, 'x"; DROP', "1a"])
def test_a_strange_database_name_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match="is not a database name"):
        Cluster(tmp_path).url(name)


def test_a_server_that_cannot_start_says_why_in_one_line(folder):
    with pytest.raises(Unavailable, match=r"does not start: .*no_such_setting") as caught:
        Cluster(folder, settings={"no_such_setting": "1"}).start()
    assert "\n" not in caught.value.detail


def guardian_of(folder):
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if process.read_bytes().endswith(b"-m\0api.embedded\0" + os.fsencode(folder) + b"\0"):
                return int(process.parent.name)
    raise AssertionError("no guardian")


def is_free(lock):
    with FileLock(lock) as probe:
        return probe.try_exclusive()
