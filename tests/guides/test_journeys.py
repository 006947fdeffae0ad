"""The journeys in docs/guides: every command is run, in order, and prints what the page says."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from api.auth import create_admin_key
from tests.serving import CHECKOUT, Server

_BLOCKS = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "--- end of block"


class Step(NamedTuple):
    """A block of commands, and what the page says they print (None: nothing is said)."""

    commands: str
    printed: str | None


def steps_of(page: Path) -> list[Step]:
    """Each `sh` block, with the `text` block that follows it, if one does."""
    steps: list[Step] = []
    for kind, text in _BLOCKS.findall(page.read_text()):
        if kind == "sh":
            steps.append(Step(text, None))
        else:
            assert steps, f"{page.name} begins with an output"
            assert steps[-1].printed is None, f"{page.name} shows two outputs of one block"
            steps[-1] = steps[-1]._replace(printed=text)
    return steps


async def _admin_key(database_url: str) -> str:
    connection = await asyncpg.connect(database_url)
    try:
        return await create_admin_key(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize("page", ["retailer.md", "customer.md", "parking.md", "parking-operators.md"])
def test_every_command_of_a_journey_prints_what_the_page_says(
    page: str, shared_server: Server, tmp_path: Path
) -> None:
    key = asyncio.run(_admin_key(shared_server.database_url))
    steps = steps_of(CHECKOUT / "docs" / "guides" / page)
    assert len(steps) >= 8
    script = "".join(f"{step.commands}echo '{_MARK}'\n" for step in steps)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "ALENTOUR_URL": shared_server.url, "ADMIN_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = ran.stdout.split(f"{_MARK}\n")
    for step, output in zip(steps, printed, strict=False):
        assert output == (step.printed or ""), f"{page} says otherwise of:\n{step.commands}\n{ran.stderr}"
    assert ran.returncode == 0, ran.stderr
    assert len(printed) == len(steps) + 1
