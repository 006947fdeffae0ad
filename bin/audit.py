"""Whether a version that requirements.lock names has a known vulnerability: `bin/audit.py [OPTIONS]`.

pip-audit asks PyPI's advisories (or, by its own options, another service) about every package. Exit codes:
0 nothing is known, or nobody could be asked, which one line says; 1 a vulnerability is known, or, with
`--must-answer`, nobody could be asked; 2 the audit itself failed. An answer holds until the next day or
the next lock file. A vulnerability that has to be lived with is named in the Makefile by
`--ignore-vuln ID`, with the reason beside it.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STAMP = ROOT / ".venv" / "audited"
WITHIN_S = 180
# What pip-audit and the libraries under it say when the service is not there.
UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|Could not connect|SSLError|ServiceError"
)
PACKAGE = re.compile(r"^[A-Za-z0-9][\w.-]*==.*?(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


class Unreachable(Exception):
    """Nobody could be asked; nothing is known."""


class Failed(Exception):
    """The audit did not come to an end, for a reason that is ours."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--must-answer", action="store_true", help="fail where nobody can be asked")
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.lock", help="what to look through")
    ours, theirs = parser.parse_known_args(arguments)
    lock = ours.lock.read_text(encoding="utf-8")
    answer_of_today = _stamp(lock, theirs)
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == answer_of_today:
        return 0
    try:
        found, asked = _audit(lock, theirs)
    except Unreachable as reason:
        print(f"audit: the advisories cannot be reached here, so nothing was audited ({reason})")
        return int(ours.must_answer)
    except Failed as reason:
        print(f"audit: {reason}", file=sys.stderr)
        return 2
    for line in found:
        print(f"audit: {line}", file=sys.stderr)
    if not found:
        print(f"audit: nothing is known against {asked} packages")
        STAMP.write_text(answer_of_today, encoding="utf-8")
    return int(bool(found))


def _stamp(lock: str, options: list[str]) -> str:
    today = datetime.now(UTC).date()
    return f"{today} {hashlib.sha256(f'{lock} {options}'.encode()).hexdigest()}\n"


def _audit(lock: str, options: list[str]) -> tuple[list[str], int]:
    """What is known, and of how many packages something would be known. Asks about one package first."""
    first = PACKAGE.search(lock)
    if first is None:
        raise Failed("the lock file names no package")
    _ask(first[0], options)
    return _ask(lock, options)


def _ask(requirements: str, options: list[str]) -> tuple[list[str], int]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(requirements)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "-r", file.name, "--disable-pip", "--require-hashes"]
        command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5", *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)  # noqa: S603 - ours
        except subprocess.TimeoutExpired:
            raise Unreachable(f"no answer within {WITHIN_S} s") from None
    return judged(done.stdout, done.stderr)


def judged(stdout: str, stderr: str) -> tuple[list[str], int]:
    """What pip-audit printed, as lines about vulnerable packages and the number of packages audited.

    It passes over packages of which the service knows nothing. If that is all of them, the service is
    no advisory service: a mirror that has packages only.
    """
    try:
        dependencies = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError):
        last = stderr.strip().rpartition("\n")[2][:300]
        raise (Unreachable if UNREACHABLE.search(stderr) else Failed)(
            last or "pip-audit said nothing"
        ) from None
    audited = [one for one in dependencies if "skip_reason" not in one]
    if not audited:
        raise Unreachable("it knows none of these packages")
    if passed_over := sorted(one["name"] for one in dependencies if "skip_reason" in one):
        print(f"audit: nobody knows {', '.join(passed_over)}")
    return [_told(one, known) for one in audited for known in one["vulns"]], len(audited)


def _told(package: dict[str, Any], known: dict[str, Any]) -> str:
    mended = ", ".join(known["fix_versions"]) or "no version"
    return f"{package['name']} {package['version']} has {known['id']}; mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
