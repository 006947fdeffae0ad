"""Bounds how much heavy work of one sort a worker does at a time."""

import contextlib
from collections.abc import Iterator

from api.problems import overloaded


class Room:
    """How many of a sort this worker has under way; more are turned away."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        if self._under_way >= self._most:
            raise overloaded()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
