"""`python -m simulator`: a run from the command line."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from simulator.client import UnexpectedAnswerError
from simulator.options import Keys, Options, read_keys
from simulator.report import show, written
from simulator.run import simulate
from simulator.streets import UnusableCityError, default_city


def parser() -> argparse.ArgumentParser:
    """The options, each with its meaning."""
    options = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Let simulated phones walk a real city against a running server.",
    )
    options.add_argument("--url", default="http://127.0.0.1:8000", help="the server (%(default)s)")
    options.add_argument("--admin-key", help="an admin key; else the one in --keys")
    options.add_argument("--keys", type=Path, metavar="FILE.json", help="an admin key and till keys")
    options.add_argument("--city", type=Path, metavar="FILE.pbf", help="an OSM extract (central Helsinki)")
    options.add_argument("--phones", type=_positive, default=300, help="how many (%(default)s)")
    options.add_argument("--minutes", type=_positive, default=60, help="of simulated time (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="the same gives the same phones (%(default)s)")
    options.add_argument("--start", type=_moment, help="RFC 3339 with a zone (the next Thursday noon)")
    options.add_argument("--report", type=Path, metavar="FILE.json", help="where to write the findings")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done. 1: the server or the city did not allow it. 2: wrong arguments."""
    given = parser().parse_args(arguments)
    console = Console()
    try:
        keys = read_keys(given.keys) if given.keys else Keys()
        admin_key = given.admin_key or keys.admin
        if admin_key is None:
            parser().error("an admin key is needed: --admin-key or --keys")
        options = Options(
            url=given.url,
            admin_key=admin_key,
            city=given.city or default_city(),
            phones=given.phones,
            minutes=given.minutes,
            seed=given.seed,
            start=given.start,
            tills=keys.tills,
            inspectors=keys.inspectors,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(simulate(options, console))
    except (UnexpectedAnswerError, UnusableCityError, OSError, msgspec.DecodeError) as error:
        Console(stderr=True).print(f"The simulation cannot go on: {error}", highlight=False, markup=False)
        return 1
    if given.report is not None:
        given.report.write_bytes(written(report))
    show(report, console)
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("must carry a zone, such as +02:00")
    return moment


if __name__ == "__main__":
    sys.exit(main())
