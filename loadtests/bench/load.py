"""One round of load by wrk, and what it says."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.bench.contenders import Contender

# Phones that wait for an answer at one time; what is committed together grows with them.
CONNECTIONS: Final = 256
SCRIPT: Final = Path(__file__).parent / "fixes.lua"


@dataclass(frozen=True)
class Round:
    """What one round measured. `made` counts the requests wrk made, `answered` those it saw answered."""

    answered: int
    made: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


def run(
    contender: Contender, residents: Path, *, start: int, seconds: int, connections: int = CONNECTIONS
) -> Round:
    """Load `contender` for so many seconds, from request number `start` on."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    environment = os.environ | {
        "RESIDENTS": str(residents),
        "START": str(start),
        "NAME": contender.name,
    }
    done = subprocess.run(  # noqa: S603 - wrk, from PATH
        [*command, contender.url],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise SystemExit(f"bench: wrk said nothing useful: {done.stdout}{done.stderr}")
    answered, microseconds, refused, broken, counter, p50_us, p99_us = map(int, line.split()[1:])
    return Round(answered, counter - start, microseconds / 1e6, refused, broken, p50_us / 1000, p99_us / 1000)
