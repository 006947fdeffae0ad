"""API keys over HTTP, for admins. A secret is told once, when the key is made."""

from typing import Annotated, Literal

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, Parameter

from api import audit, keys
from api.audit.changes import before_after
from api.auth import requires
from api.database import PLAIN, Now, Tx
from api.idempotency import keep_instead, once
from api.keys import KeyInfo, NewKey
from api.pages import Cursor, Limit, Page, page_of, read_text_cursor
from api.routes.resources import Id
from offers.retail import retailers

KeyId = Annotated[str, Parameter(pattern="^[a-z2-7]{12}$", description="The middle part of a key.")]


class KeyDraft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`manage` edits everything of its retailer, `read` only reads, `till` only redeems."""

    role: Literal["manage", "till", "read", "enforce"]
    label: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Rotation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How long the old key goes on working beside the new one."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0


@post(
    "/v1/retailers/{retailer_id:int}/keys", before_request=once, operation_id="addKey", summary="Make a key"
)
async def add_key(retailer_id: Id, data: JSONBody[KeyDraft], tx: Tx, now: Now) -> NewKey:
    """Make a key for a retailer. Keep it: it cannot be read again."""
    retailer = await retailers.read_retailer(tx, retailer_id)
    key = await keys.add_key(tx, retailer.retailer_id, data.role, data.label, now)
    audit.tell("key", key.key_id, changed=before_after(role=(None, key.role)))
    return _told_once(key)


@get("/v1/retailers/{retailer_id:int}/keys", operation_id="listKeys", summary="List keys")
async def list_keys(retailer_id: Id, tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[KeyInfo]:
    """A retailer's keys without their secrets, ended ones too."""
    retailer = await retailers.read_retailer(tx, retailer_id)
    rows = await keys.list_keys(tx, retailer.retailer_id, read_text_cursor(cursor), limit + 1)
    return page_of(rows, limit, lambda key: key.key_id)


@get("/v1/keys", operation_id="listAdminKeys", summary="List the admins' keys")
async def list_admin_keys(tx: Tx, limit: Limit = 50, cursor: Cursor = None) -> Page[KeyInfo]:
    """The keys that belong to no retailer, ended ones too. `alentour key create` makes one."""
    rows = await keys.list_keys(tx, None, read_text_cursor(cursor), limit + 1)
    return page_of(rows, limit, lambda key: key.key_id)


@post("/v1/keys/{key_id:str}/rotate", before_request=once, operation_id="rotateKey", summary="Rotate a key")
async def rotate_key(key_id: KeyId, tx: Tx, now: Now, data: JSONBody[Rotation | None] = None) -> NewKey:
    """Make a key with the same rights; the old one works for `overlap_s` more seconds."""
    overlap_s = data.overlap_s if data else 0
    key = await keys.rotate_key(tx, key_id, overlap_s, now)
    replaced = before_after(key_id=(key_id, key.key_id), overlap_s=(None, overlap_s))
    audit.tell("key", key_id, retailer_id=key.retailer_id, changed=replaced)
    return _told_once(key)


@delete("/v1/keys/{key_id:str}", operation_id="revokeKey", summary="Revoke a key")
async def revoke_key(key_id: KeyId, tx: Tx, now: Now) -> None:
    """From the answer on, the key opens nothing."""
    key = await keys.revoke_key(tx, key_id, now)
    audit.tell("key", key_id, retailer_id=key.retailer_id, changed=before_after(revoked_at=(None, now)))
    if key.revoked_at is not None:
        audit.nothing_changed()


def _told_once(key: NewKey) -> NewKey:
    keep_instead(msgspec.structs.replace(key, key=None))
    return key


router = Router(
    "/",
    route_handlers=[add_key, list_keys, list_admin_keys, rotate_key, revoke_key],
    guards=[requires("admin")],
    dependencies=PLAIN,
    tags=["Retailers and keys"],
)
