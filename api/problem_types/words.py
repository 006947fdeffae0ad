"""The form of an explanation."""

from typing import NamedTuple


class Words(NamedTuple):
    """In one language: a title, what has happened, and what to do."""

    title: str
    meaning: str
    remedy: str
