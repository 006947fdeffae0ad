"""Being told to stop, as early as a worker can hear it.

Granian, told to stop, first waits for the requests under way and only then ends the application's
lifespan. A stream is a request that never ends: it must hear of the signal itself.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def on_stop_signal(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` in the running loop at SIGTERM, beside whoever handles that already.

    Outside the main thread, where Python takes no signals, and where nobody handles it, it does
    nothing: there somebody else ends the lifespan, or nobody can.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: FrameType | None) -> Any:
        loop.call_soon_threadsafe(tell)
        return handler(number, frame)

    _install(handle)
    try:
        yield
    finally:
        _install(handler)


def _install(handler: Callable[[int, FrameType | None], Any]) -> None:
    signal.signal(signal.SIGTERM, handler)
    signal.siginterrupt(signal.SIGTERM, False)  # as the event loop had it, and `signal.signal` undoes
