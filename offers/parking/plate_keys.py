"""The key that plates are kept under: encrypted so that we can show them, and an HMAC to find them by.

There are some hundred million plates of a country, so a bare hash of one is undone by trying them all; the
HMAC is not, without the key, which no database holds (`api.plate_key` reads its file). Two keys are derived
from its one secret (HKDF, RFC 5869): one encrypts (AES-256-GCM-SIV, RFC 8452, which forgives a repeated
nonce), one finds. A key may be followed by older ones: what they sealed is still opened, and found by any of
`hmacs`.
"""

import functools
import hashlib
import hmac
import secrets
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from geo.errors import Unavailable
from offers.parking.plates import Plate

SECRET_BYTES: Final = 32

_NAME_BYTES: Final = 8
_NONCE_BYTES: Final = 12
# All are as long, so that their length tells nothing.
_PADDED_BYTES: Final = 32
_PAD: Final = b"\0"


class PlateKey(msgspec.Struct, frozen=True, dict=True):
    """The secret of today, and those it replaced. Never shown: `name` tells one from another."""

    secret: bytes
    older: tuple["PlateKey", ...] = ()

    def __repr__(self) -> str:
        return f"PlateKey({self.name})"

    @functools.cached_property
    def name(self) -> str:
        """16 hexadecimal digits; stored beside what is kept under this key."""
        return hashlib.sha256(b"alentour plate key name\0" + self.secret).hexdigest()[: 2 * _NAME_BYTES]

    def hmac(self, plate: Plate) -> bytes:
        """The same for the same plate under the same key; 32 bytes."""
        return hmac.digest(self._finding, _written(plate), "sha256")

    def hmacs(self, plate: Plate) -> list[bytes]:
        """Under every key there is, today's first: what to look up, since rows may be older than the key."""
        return [self.hmac(plate), *(key.hmac(plate) for key in self.older)]

    def seal(self, plate: Plate) -> bytes:
        """Encrypted, another text each time: the key's name, a nonce, and the ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        name = bytes.fromhex(self.name)
        padded = _written(plate).ljust(_PADDED_BYTES, _PAD)
        return name + nonce + self._sealing.encrypt(nonce, padded, name)

    def open(self, sealed: bytes) -> Plate:
        """The plate. Raises Unavailable where the key that sealed it is not here, or it was tampered with."""
        name, rest = sealed[:_NAME_BYTES], sealed[_NAME_BYTES:]
        for key in (self, *self.older):
            if key.name == name.hex():
                return key._opened(name, rest)  # noqa: SLF001 - of its own class
        raise Unavailable("The key that this plate is kept under is not at this server.")

    def _opened(self, name: bytes, rest: bytes) -> Plate:
        try:
            padded = self._sealing.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], name)
        except InvalidTag:
            raise Unavailable("A plate that is kept was changed, and cannot be read.") from None
        country, _, text = padded.rstrip(_PAD).decode().partition(":")
        return Plate(country, text)

    @functools.cached_property
    def _sealing(self) -> AESGCMSIV:
        return AESGCMSIV(self._derived(b"alentour plates: encryption"))

    @functools.cached_property
    def _finding(self) -> bytes:
        return self._derived(b"alentour plates: look-up")

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(self.secret)


def _written(plate: Plate) -> bytes:
    return f"{plate.country}:{plate.text}".encode()
