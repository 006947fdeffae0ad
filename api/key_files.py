"""Secrets of this server's own, each in a file apart from every database.

A file is made when it is first needed, with 256 bits of chance, readable by its owner only. Servers of one
installation on several machines share one file, named by a setting. What is done with a key is its owner's:
`api.erasure_key`, `api.plate_key`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from api.embedded.places import default_data_dir
from api.settings import Settings, variable_of
from geo.errors import InvalidInput, Unavailable

SECRET_BYTES: Final = 32


def secrets_in(settings: Settings, setting: str, file_name: str) -> list[bytes]:
    """The secrets in the file that `setting` names, else in `file_name` beside the data; never none.

    One a line, the one in use first. Raises InvalidInput for a file that holds no key, Unavailable when it
    can be neither read nor made.
    """
    path: Path = getattr(settings, setting) or (settings.data_dir or default_data_dir()) / file_name
    variable = variable_of(setting)
    try:
        if not path.exists():
            _make(path)
        return _read(path, variable)
    except OSError as error:
        raise Unavailable(f"{variable} {path}: {error.strerror}") from None


def _read(path: Path, variable: str) -> list[bytes]:
    try:
        found = [bytes.fromhex(line.strip()) for line in path.read_text(encoding="ascii").split("\n")]
    except ValueError:
        found = []
    found = [one for one in found if one]
    if not found or any(len(one) != SECRET_BYTES for one in found):
        raise InvalidInput(f"{variable} {path} must hold {2 * SECRET_BYTES} hexadecimal digits")
    return found


def _make(path: Path) -> None:
    """Write a whole file aside, then give it its name: of several workers one is first, and all read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink(missing_ok=True)
