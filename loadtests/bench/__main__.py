"""`python -m loadtests.bench [--quick] [--json FILE]`: needs an empty database in ALENTOUR_DATABASE_URL.

`make bench` provides one (`alentour db run`), on the embedded cluster with fsync on.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import asyncpg

from loadtests.bench import load, proof
from loadtests.bench.contenders import Contender, Contenders
from loadtests.bench.load import Round
from loadtests.bench.proof import Rows
from loadtests.bench.seed import Mix, seed
from loadtests.bench.seed import residents as seeded_residents

CUSTOMERS: Final = 200_000
# What the load is meant to be: shares of the fixes.
SHARES: Final = {"inside_share": 0.30, "crossing_share": 0.02, "delivering_share": 0.002}
MIX: Final = Mix(inside=0.262, walking=0.075, consenting=0.10)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under three minutes: fewer and shorter rounds")
    parser.add_argument(
        "--connections",
        type=int,
        default=load.CONNECTIONS,
        metavar="N",
        help="requests under way at one time",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    url = os.environ.get("ALENTOUR_DATABASE_URL")
    if url is None:
        parser.error("set ALENTOUR_DATABASE_URL to an empty, migrated database, or use: make bench")
    report = asyncio.run(bench(url, quick=options.quick, connections=options.connections))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


async def bench(url: str, *, quick: bool, connections: int = load.CONNECTIONS) -> dict[str, Any]:
    """The whole run; prints as it goes, returns the report."""
    rounds, seconds = (3, 6) if quick else (5, 20)
    connection = await asyncpg.connect(url)
    try:
        if not await proof.is_durable(connection):
            raise SystemExit("bench: fsync and synchronous_commit must be on")
        if excused := await proof.excused(connection):
            raise SystemExit(f"bench: synchronous_commit must be on for everybody: {', '.join(excused)}")
        say(f"seeding {CUSTOMERS:,} customers and 10,000 fences")
        await seed(connection, CUSTOMERS, MIX)
        with tempfile.TemporaryDirectory(prefix="alentour-bench-") as folder:
            residents = Path(folder) / "residents.txt"
            residents.write_text(await seeded_residents(connection), encoding="ascii")
            with Contenders(url) as contenders:
                run = Run(connection, residents, connections)
                return await run.everything(contenders, rounds, seconds)
    finally:
        await connection.close()


class Run:
    """One run: rounds of the three contenders in turn, each followed by a look at the rows."""

    def __init__(self, connection: asyncpg.Connection, residents: Path, connections: int) -> None:
        self._connection = connection
        self._residents = residents
        self._connections = connections
        self._next: dict[str, int] = {}
        self._rounds: dict[str, list[Round]] = {}

    async def everything(self, contenders: Contenders, rounds: int, seconds: int) -> dict[str, Any]:
        running = [contenders.baseline("empty"), contenders.alentour(), contenders.baseline("naive")]
        await self._warm_up(running)
        before = await proof.count(self._connection)
        syncs_before = await proof.wal_syncs(self._connection)
        for number in range(rounds):
            for contender in running:
                measured = await self._round(contender, seconds)
                self._rounds.setdefault(contender.name, []).append(measured)
                say(
                    f"round {number + 1}/{rounds}  {contender.name:6} {measured.rate:8,.0f} requests/s"
                    f"   p50 {measured.p50_ms:.1f} ms  p99 {measured.p99_ms:.1f} ms"
                )
        after = await proof.count(self._connection)
        syncs = await proof.wal_syncs(self._connection) - syncs_before
        written = sum(one.answered for name in ("fixes", "naive") for one in self._rounds[name])
        proof.demand_syncs(syncs, written, self._connections)
        report = self._report(before, after, await proof.inside_share(self._connection))
        report["wal_syncs"] = syncs
        for what, meant in SHARES.items():
            proof.demand_mix(what, report[what], meant)
        return report

    async def _warm_up(self, running: list[Contender]) -> None:
        """Until every phone has sent its first fix; the baselines for a moment."""
        for contender in running:
            is_ours = contender.name == "fixes"
            while self._next.get(contender.name, 0) < (CUSTOMERS if is_ours else 1):
                await self._round(contender, 4 if is_ours else 2)
            say(f"warmed up {contender.name} ({self._next[contender.name]:,} requests)")

    async def _round(self, contender: Contender, seconds: int) -> Round:
        start = self._next.get(contender.name, 0)
        before = await proof.count(self._connection)
        await self._connection.execute("CHECKPOINT")
        measured = await asyncio.to_thread(
            load.run,
            contender,
            self._residents,
            start=start,
            seconds=seconds,
            connections=self._connections,
        )
        if measured.refused or measured.broken:
            raise SystemExit(
                f"bench: {contender.name}: {measured.refused} answers were not 2xx, "
                f"{measured.broken} connections broke"
            )
        self._next[contender.name] = start + measured.made
        after = await self._settled()
        if contender.name == "fixes":
            proof.demand("fixes", after.fixes - before.fixes, measured.answered, measured.made)
        if contender.name == "naive":
            proof.demand("naive", after.naive_fixes - before.naive_fixes, measured.answered, measured.made)
        return measured

    async def _settled(self) -> Rows:
        """The rows once the requests that wrk left behind are dealt with."""
        after = await proof.count(self._connection)
        for _ in range(20):
            await asyncio.sleep(0.1)
            last, after = after, await proof.count(self._connection)
            if last == after:
                break
        return after

    def _report(self, before: Rows, after: Rows, inside_share: float) -> dict[str, Any]:
        rates = {name: [one.rate for one in rounds] for name, rounds in self._rounds.items()}
        medians = {name: round(statistics.median(each)) for name, each in rates.items()}
        fixes = after.fixes - before.fixes
        report: dict[str, Any] = {
            "connections": self._connections,
            "rates": medians,
            "spread": {name: [round(min(each)), round(max(each))] for name, each in rates.items()},
            "fixes_vs_empty": round(medians["fixes"] / medians["empty"], 3),
            "fixes_vs_naive": round(medians["fixes"] / medians["naive"], 2),
            "p99_ms": {
                name: round(statistics.median(one.p99_ms for one in rounds), 1)
                for name, rounds in self._rounds.items()
            },
            "fixes_in_rows": fixes,
            "inside_share": round(inside_share, 3),
            "crossing_share": round((after.crossings - before.crossings) / fixes, 4),
            "delivering_share": round((after.deliveries - before.deliveries) / fixes, 5),
        }
        say("")
        for name, (low, high) in report["spread"].items():
            say(f"{name:6} {medians[name]:8,} requests/s  (median; {low:,} to {high:,})")
        say(f"fixes_vs_empty {report['fixes_vs_empty']}   fixes_vs_naive {report['fixes_vs_naive']}")
        say(
            f"{fixes:,} measured fixes are in the rows; {inside_share:.0%} from inside a fence, "
            f"{report['crossing_share']:.1%} crossing an edge, "
            f"{report['delivering_share']:.2%} bringing a delivery"
        )
        return report


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
