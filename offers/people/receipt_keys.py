"""Signing receipts, so that a person can show one to anybody: JWS (RFC 7515) with Ed25519 (RFC 9864).

Owns the keys, how a receipt is signed and how a signature is judged. A key is made when the first receipt
needs one; rotation ends its use and destroys its secret half, while the public half stays, and with it
every receipt that was signed. Where the two halves lie is docs/adr/0013. The form of a receipt is
`offers.people.receipts`'.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import asyncpg
import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

ALGORITHM: Final = "Ed25519"
LONGEST_JWS: Final = 20_000
_CURVE: Final = "Ed25519"
_TYPE: Final = "consent-receipt+jws"

_IN_USE: Final = """
    SELECT k.kid, k.public_x, s.secret_d
    FROM receipt_keys AS k LEFT JOIN alentour_secrets.receipt_keys AS s USING (kid)
    WHERE k.retired_at IS NULL
"""
_ADD: Final = """
    INSERT INTO receipt_keys (kid, public_x, created_at) VALUES ($1, $2, alentour_now())
"""
_ADD_PRIVATE_HALF: Final = "INSERT INTO alentour_secrets.receipt_keys (kid, secret_d) VALUES ($1, $2)"
_RETIRE: Final = "UPDATE receipt_keys SET retired_at = alentour_now() WHERE retired_at IS NULL"
_FORGET_SECRETS: Final = """
    DELETE FROM alentour_secrets.receipt_keys AS s USING receipt_keys AS k
    WHERE k.kid = s.kid AND k.retired_at IS NOT NULL
"""
_LOCK: Final = "LOCK TABLE receipt_keys IN SHARE ROW EXCLUSIVE MODE"
_ALL: Final = "SELECT kid, public_x, retired_at FROM receipt_keys ORDER BY created_at DESC, kid"
_ONE: Final = "SELECT public_x FROM receipt_keys WHERE kid = $1"

Flaw = Literal["malformed", "unknown_key", "bad_signature", "differs"]


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A JWK (RFC 7517, RFC 8037) that verifies receipts. `kid` is its thumbprint (RFC 7638)."""

    kid: str
    x: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a signed receipt is ours and as we signed it; `flaw` is why not, `receipt` what was signed."""

    is_valid: bool
    flaw: Flaw | None
    kid: str | None
    receipt: dict[str, Any] | None


class Signer:
    """Signs with the key that was in use when it was made."""

    def __init__(self, kid: str, key: OKPKey) -> None:
        self._key = key
        self._header = {"alg": ALGORITHM, "kid": kid, "typ": _TYPE}

    @classmethod
    async def now(cls, connection: asyncpg.Connection) -> "Signer":
        """With the key in use; makes one where there is none, or where its secret was left behind."""
        row = await connection.fetchrow(_IN_USE)
        if row is None or row["secret_d"] is None:
            await _make(connection)
            row = await connection.fetchrow(_IN_USE)
        said = {"kty": "OKP", "crv": _CURVE, "x": row["public_x"], "d": row["secret_d"]}
        return cls(row["kid"], OKPKey.import_key(said))

    def sign(self, receipt: Mapping[str, Any]) -> str:
        """The receipt as a compact JWS; the same receipt gives the same text."""
        payload = msgspec.json.encode(receipt, order="sorted")
        return jws.serialize_compact(self._header, payload, self._key, algorithms=[ALGORITHM])


async def rotate(connection: asyncpg.Connection) -> PublicKey:
    """Sign with a fresh key from now on; the secret of the one before is gone, its receipts stay good."""
    await connection.execute(_LOCK)
    await connection.execute(_RETIRE)
    await connection.execute(_FORGET_SECRETS)
    await _add(connection)
    row = await connection.fetchrow(_IN_USE)
    return PublicKey(kid=row["kid"], x=row["public_x"])


async def read_public_keys(connection: asyncpg.Connection) -> list[PublicKey]:
    """All there ever were, the newest first; there is always one."""
    await Signer.now(connection)
    return [PublicKey(kid=row["kid"], x=row["public_x"]) for row in await connection.fetch(_ALL)]


async def judge(
    connection: asyncpg.Connection, signed: str, shown: Mapping[str, Any] | None = None
) -> Judgement:
    """Whether we signed this. `shown`: members that are said to be in it, such as a downloaded file's."""
    try:
        read = jws.extract_compact(signed.encode())
        kid = read.headers().get("kid")
    except (JoseError, ValueError, UnicodeError):
        return _flawed("malformed")
    if not isinstance(kid, str):
        return _flawed("malformed")
    public_x = await connection.fetchval(_ONE, kid)
    if public_x is None:
        return _flawed("unknown_key", kid)
    key = OKPKey.import_key({"kty": "OKP", "crv": _CURVE, "x": public_x})
    try:
        payload = jws.deserialize_compact(signed, key, algorithms=[ALGORITHM]).payload
        receipt = msgspec.json.decode(payload, type=dict[str, Any])
    except (JoseError, ValueError):
        return _flawed("bad_signature", kid)
    if any(name not in receipt or receipt[name] != value for name, value in (shown or {}).items()):
        return Judgement(is_valid=False, flaw="differs", kid=kid, receipt=receipt)
    return Judgement(is_valid=True, flaw=None, kid=kid, receipt=receipt)


async def _make(connection: asyncpg.Connection) -> None:
    """A first key, or one in the place of another whose secret is not there; whoever was first wins."""
    await connection.execute(_LOCK)
    row = await connection.fetchrow(_IN_USE)
    if row is not None and row["secret_d"] is not None:
        return
    await connection.execute(_RETIRE)
    await _add(connection)


async def _add(connection: asyncpg.Connection) -> None:
    key = OKPKey.generate_key(_CURVE)
    members = key.as_dict(private=True)
    kid = key.thumbprint()
    await connection.execute(_ADD, kid, members["x"])
    await connection.execute(_ADD_PRIVATE_HALF, kid, members["d"])


def _flawed(flaw: Flaw, kid: str | None = None) -> Judgement:
    return Judgement(is_valid=False, flaw=flaw, kid=kid, receipt=None)
