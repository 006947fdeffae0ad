"""The key of proofs: a file of this server's own, apart from every database.

Made when it is first needed, with 256 bits of chance, readable by its owner only. Servers of one
installation on several machines share one file (`ALENTOUR_ERASURE_KEY_FILE`). What is done with the
key is `offers.people.proofs`'.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from api.embedded.places import default_data_dir
from api.settings import Settings, variable_of
from geo.errors import InvalidInput, Unavailable
from offers.people.proofs import SECRET_BYTES, ProofKey

FILE_NAME: Final = "erasure.key"


def proof_key_of(settings: Settings) -> ProofKey:
    """The key in the file of these settings, which is made if it is missing.

    Raises InvalidInput for a file that holds no key, Unavailable when it can be neither read nor made.
    """
    path = settings.erasure_key_file or (settings.data_dir or default_data_dir()) / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        return ProofKey(_read(path))
    except OSError as error:
        raise Unavailable(f"{variable_of('erasure_key_file')} {path}: {error.strerror}") from None


def _read(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        variable = variable_of("erasure_key_file")
        raise InvalidInput(f"{variable} {path} must hold {2 * SECRET_BYTES} hexadecimal digits")
    return secret


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
