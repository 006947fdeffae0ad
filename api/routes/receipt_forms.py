"""A consent receipt on the wire: the members that `offers.people.receipts` writes, by their types.

The names are those of ISO/IEC TS 27560:2023.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType


class PiiInformation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of personal information that the purpose needs."""

    pii_type: str
    pii_optional: bool


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request that takes the answer back."""

    method: Literal["POST"]
    path: str
    body: dict[str, Any]


class ReceiptPurpose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the answer is about: for what, by whom, with which data, for how long."""

    purpose: str
    purpose_type: str
    lawful_basis: Literal["consent"]
    services: list[str]
    pii_information: list[PiiInformation]
    pii_controllers: list[str]
    collection_method: str
    processing_method: str
    storage_locations: list[str]
    retention_period: str
    recipient_third_parties: list[str]
    withdrawal_method: Withdrawal
    privacy_rights: list[str]


class ReceiptParty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is responsible, or who works for them, and how to reach them where they said so."""

    party_id: str
    party_name: str
    party_role: Literal["PII controller", "PII processor"]
    party_contact: str | UnsetType = UNSET
    party_url: str | UnsetType = UNSET


class ReceiptEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the answer was given, and which it was."""

    event_time: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    validity_duration: str
    entity_id: UUID
    event_type: Literal["explicit"]
    event_state: Literal["consent given", "consent withdrawn"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One recorded answer, as its person can hold it against us. `jws` is all the rest, signed."""

    schema_version: str
    receipt_id: UUID
    record_id: UUID
    pii_principal_id: UUID
    privacy_notice: str
    language: str
    purposes: list[ReceiptPurpose]
    party_identification: list[ReceiptParty]
    events: list[ReceiptEvent]
    jws: str
