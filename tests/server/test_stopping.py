"""The signal that ends a process with an event loop of its own: who hears it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from api.stopping import on_stop_signal


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Who was told. Somebody handles SIGTERM already, as Granian does."""
    told: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: told.append("theirs"))
    yield told
    signal.signal(signal.SIGTERM, before)


async def test_a_stop_signal_is_told_to_both(heard):
    with on_stop_signal(lambda: heard.append("ours")):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
    assert heard == ["theirs", "ours"]


async def test_afterwards_everything_is_as_it_was(heard):
    with on_stop_signal(lambda: heard.append("ours")):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    assert heard == ["theirs"]


async def test_a_signal_that_nobody_handles_is_left_alone(heard):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with on_stop_signal(lambda: heard.append("ours")):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_a_lifespan_in_another_thread_takes_no_signals(heard):
    async def opens() -> None:
        with on_stop_signal(lambda: heard.append("ours")):
            assert signal.getsignal(signal.SIGTERM) is before

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=asyncio.run, args=(opens(),))
    thread.start()
    thread.join()
