"""Ids that are given once: how a unique key that was violated is told."""

import contextlib
from collections.abc import Iterator
from typing import Final

import asyncpg
import sqlalchemy.exc

from geo.errors import Conflict, Fault

_UNIQUE_VIOLATION: Final = "23505"


@contextlib.contextmanager
def given_once(field: str) -> Iterator[None]:
    """Raise Conflict that names `field`, where writing violates the unique key it is part of.

    By SQLSTATE only, so the block writes one row of a table that has no other unique key to violate.
    """
    try:
        yield
    except (asyncpg.UniqueViolationError, sqlalchemy.exc.IntegrityError) as error:
        cause = error.orig if isinstance(error, sqlalchemy.exc.IntegrityError) else error
        if getattr(cause, "sqlstate", None) != _UNIQUE_VIOLATION:
            raise
        fault = Fault(field, "is taken already")
        raise Conflict("This already exists.", faults=(fault,), code="already_exists") from None
