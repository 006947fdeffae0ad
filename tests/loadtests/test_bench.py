"""The bench measures what it says: everybody waits for the disk, on servers with the same options."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import asyncpg
import pytest
from granian.cli import cli

from api.server import _granian_options
from api.settings import Settings
from loadtests.bench import proof
from loadtests.bench.contenders import GRANIAN, WORKERS, Contenders

ROLE = "bench_impatient"
# What has another name on Granian's command line.
NAMES = {"address": "host", "log_access": "log_access_enabled"}
# What is each target's own, or matters only when something ends.
OWN = {"target", "factory", "port", "log_dictconfig", "respawn_failed_workers", "workers_kill_timeout"}


def test_the_baselines_are_served_with_the_options_of_alentour() -> None:
    options = _granian_options(Settings(workers=WORKERS, host="127.0.0.1", log_level="warning"))
    baseline: dict[str, Any] = cli.make_context("granian", [*GRANIAN, "x:app"]).params
    for name, value in dataclasses.asdict(options.pop("http1_settings")).items():
        assert baseline[f"http1_{name.replace('max_', '')}"] == value, name
    for name in options.keys() - OWN:
        assert baseline[NAMES.get(name, name)] == options[name], name


async def test_a_role_that_does_not_wait_for_the_disk_is_seen(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        assert await proof.excused(connection) == []
        database = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"CREATE ROLE {ROLE}")
        try:
            await connection.execute(f"ALTER ROLE {ROLE} SET synchronous_commit = local")
            await connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
            assert sorted(await proof.excused(connection)) == [
                f"{ROLE}: synchronous_commit=local",
                "every role: synchronous_commit=off",
            ]
        finally:
            await connection.execute(f"DROP ROLE {ROLE}")


async def test_syncs_of_the_log_are_counted(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        assert await proof.wal_syncs(connection) >= 0


def test_as_many_answers_without_syncs_end_the_run() -> None:
    proof.demand_syncs(50, 12_800, 128)
    with pytest.raises(SystemExit, match="12800 answers after 49 syncs"):
        proof.demand_syncs(49, 12_800, 128)


def test_logs_stay_only_where_a_run_failed() -> None:
    with Contenders("postgresql://nowhere") as calm:
        assert calm._logs.is_dir()
    assert not calm._logs.exists()
    with contextlib.suppress(SystemExit), Contenders("postgresql://nowhere") as failed:
        raise SystemExit("did not start")
    assert failed._logs.is_dir()
    failed._logs.rmdir()
