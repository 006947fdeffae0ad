"""Consent receipts over HTTP: download one, verify one, and the keys that do it without us."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from api import audit
from api.auth import AuthPhone, requires, requires_phone
from api.database import PLAIN, Tx
from api.idempotency import once
from api.rates import pays_by_address
from api.routes.devices import key_of
from api.routes.receipt_forms import Receipt
from offers.people import receipt_keys
from offers.people.consent_records import Consent, read_consent
from offers.people.controllers import read_named, read_operator
from offers.people.customers import CustomerKey
from offers.people.receipt_keys import LONGEST_JWS, Judgement, PublicKey, Signer, judge, read_public_keys
from offers.people.receipts import receipt_of

_KEYS_KEPT_S: Final = 300


class ReceiptFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A receipt as it was downloaded, or its `jws` alone. Whatever else is here must be what was signed."""

    jws: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_JWS)]
    schema_version: Any = UNSET
    receipt_id: Any = UNSET
    record_id: Any = UNSET
    pii_principal_id: Any = UNSET
    privacy_notice: Any = UNSET
    language: Any = UNSET
    purposes: Any = UNSET
    party_identification: Any = UNSET
    events: Any = UNSET


class PublicKeys(msgspec.Struct, kw_only=True):
    """A JWK Set (RFC 7517): every key that ever signed a receipt, the one in use first."""

    keys: list[PublicKey]


@get(
    "/v1/consents/{consent_id:uuid}/receipt",
    guards=[requires_phone],
    operation_id="readConsentReceipt",
    summary="The receipt of one answer",
)
async def read_receipt(phone: AuthPhone, tx: Tx, consent_id: FromPath[UUID]) -> Response[Receipt]:
    """A file to keep, with the field names of ISO/IEC TS 27560:2023.

    `jws` is the whole of it signed (RFC 7515, Ed25519): whoever has the file can verify it with
    `/.well-known/jwks.json`, without us and after us, or by `POST /v1/receipts/verify`.
    """
    key = key_of(phone)
    [receipt] = await receipts_of(tx, key, [await read_consent(tx, key, consent_id)])
    name = f"consent-receipt-{consent_id}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
    return Response(receipt, headers=headers)


@post(
    "/v1/receipts/verify",
    guards=[pays_by_address],
    status_code=200,
    operation_id="verifyReceipt",
    summary="Is this receipt genuine?",
)
async def verify_receipt(tx: Tx, data: JSONBody[ReceiptFile]) -> Judgement:
    """Send a receipt as you downloaded it, or its `jws` alone. Needs no token, and nothing is kept.

    `flaw` says why it is not: `malformed`, `unknown_key` (not signed here), `bad_signature` (changed
    after it was signed), `differs` (what is shown beside the signature is not what was signed).
    """
    said = {name: getattr(data, name) for name in data.__struct_fields__ if name != "jws"}
    shown = {name: value for name, value in said.items() if value is not UNSET}
    return await judge(tx, data.jws, shown)


@get(
    "/.well-known/jwks.json",
    guards=[pays_by_address],
    operation_id="readReceiptKeys",
    summary="The keys that verify receipts",
)
async def read_keys(tx: Tx) -> Response[PublicKeys]:
    """Public keys only, also those that are no longer used: the receipts they signed stay verifiable."""
    headers = {"cache-control": f"public, max-age={_KEYS_KEPT_S}"}
    return Response(PublicKeys(keys=await read_public_keys(tx)), headers=headers)


@post(
    "/v1/receipts/keys",
    guards=[requires("admin")],
    before_request=once,
    operation_id="rotateReceiptKey",
    summary="Sign receipts with a new key",
)
async def rotate(tx: Tx) -> PublicKey:
    """The old secret is destroyed, the old public key stays: receipts signed so far remain verifiable."""
    key = await receipt_keys.rotate(tx)
    audit.tell("receipt_key", key.kid)
    return key


async def receipts_of(tx: Tx, key: CustomerKey, consents: Sequence[Consent]) -> list[Receipt]:
    """The signed receipts of this customer's answers."""
    if not consents:
        return []
    operator = await read_operator(tx)
    named = await read_named(tx, {one.retailer_id for one in consents if one.retailer_id is not None})
    signer = await Signer.now(tx)
    written = [
        receipt_of(one, str(key.customer_id), operator, named.get(one.retailer_id or 0)) for one in consents
    ]
    return msgspec.convert([{**one, "jws": signer.sign(one)} for one in written], list[Receipt])


router: Final = Router(
    "/",
    route_handlers=[read_receipt, verify_receipt, read_keys, rotate],
    dependencies=PLAIN,
    tags=["Consent"],
)
