"""The export on the wire: the members that `offers.people.export` writes, by their types."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from api.routes.receipt_forms import Receipt
from offers.payments.states import RefundState, State
from offers.people.devices import DeviceStatus, Platform
from offers.terms import AgeBand


class _Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of the export have in common: nothing that is not named."""


class ExportedProfile(_Form, frozen=True, kw_only=True):
    """What you chose, and what is granted now. `last_seq` counts what you were ever given."""

    time_zone: str
    language: str
    quiet_start: str | None
    quiet_end: str | None
    interests: list[str]
    age_band: AgeBand
    country: str | None
    grants: list[str]
    grants_as_of: datetime | None
    last_seq: int
    created_at: datetime


class ExportedFix(_Form, frozen=True, kw_only=True):
    """The one position that is remembered; positions are not kept."""

    lat: float
    lon: float
    accuracy_m: float
    recorded_at: datetime | None


class FenceAround(_Form, frozen=True, kw_only=True):
    """A fence that the phone is at or near, or left a while ago."""

    fence_id: int
    fence_name: str | None
    phase: Literal["outside", "entering", "inside", "leaving", "was_inside"]
    has_dwelled: bool
    seen_at: datetime | None
    began_at: datetime | None
    told_at: datetime | None


class ExportedCar(_Form, frozen=True, kw_only=True):
    """The car a phone rides in or left parked, kept with consent to location for parking."""

    phase: Literal["on_foot", "driving", "stopping", "parked"]
    since: datetime | None
    lat: float
    lon: float
    accuracy_m: float
    fast_fixes: int
    is_leaving: bool


class Whereabouts(_Form, frozen=True, kw_only=True):
    """What is remembered of where one phone is, to notice when it comes and goes."""

    device_id: UUID
    last_fix: ExportedFix | None
    doubted_fix: ExportedFix | None
    fences: list[FenceAround]
    car: ExportedCar | None
    monitored_fence_ids: list[int]
    remembered_fix_ids: int
    last_answer_kept: bool


class ExportedDevice(_Form, frozen=True, kw_only=True):
    """One phone or browser. `seen_on` is exact to a week."""

    device_id: UUID
    platform: Platform
    status: DeviceStatus
    label: str | None
    created_at: datetime
    seen_on: date | None
    revoked_at: datetime | None


class ExportedToken(_Form, frozen=True, kw_only=True):
    """That a phone has a token. The token itself is known to the phone alone."""

    device_id: UUID
    status: Literal["current", "next"]
    created_at: datetime


class ExportedLinkCode(_Form, frozen=True, kw_only=True):
    """A code that let a second phone join, without its secret half."""

    code_id: str
    expires_at: datetime
    tries_left: int
    used_at: datetime | None
    device_id: UUID | None


class ExportedConsent(_Form, frozen=True, kw_only=True):
    """One answer as it was recorded, with its receipt."""

    consent_id: UUID
    purpose: str
    is_granted: bool
    retailer_id: int | None
    retailer_name: str | None
    channel: str | None
    notice_version: int
    language: str
    method: str
    device_id: UUID | None
    recorded_at: datetime
    receipt: Receipt


class ExportedCrossing(_Form, frozen=True, kw_only=True):
    """That a phone came to a place, stayed there, or left."""

    crossing_id: UUID
    device_id: UUID
    fence_id: int
    fence_name: str | None
    site_id: int | None
    site_name: str | None
    retailer_id: int
    retailer_name: str | None
    kind: Literal["enter", "dwell", "exit"]
    confidence: float
    occurred_at: datetime
    recorded_at: datetime


class ExportedTimer(_Form, frozen=True, kw_only=True):
    """Something that will be looked at later, such as whether you are still there."""

    device_id: UUID
    kind: str
    fence_id: int
    fence_name: str | None
    due_at: datetime


class ExportedRule(_Form, frozen=True, kw_only=True):
    """One rule of a decision, with the numbers it compared."""

    name: str
    passed: bool
    numbers: dict[str, Any] = {}


class ExportedDelivery(_Form, frozen=True, kw_only=True):
    """One offer you were given. `trace` says why, until the reasons are forgotten."""

    delivery_id: UUID
    seq: int
    device_id: UUID
    offer_id: int
    retailer_id: int
    retailer_name: str | None
    site_id: int | None
    site_name: str | None
    fence_id: int
    fence_name: str | None
    crossing_id: UUID
    trigger: str
    channel: str
    tags: list[str]
    counts_toward_caps: bool
    content: dict[str, Any]
    code: str
    trace: list[ExportedRule]
    decided_at: datetime
    expires_at: datetime
    handed_at: datetime | None
    shown_at: datetime | None
    opened_at: datetime | None
    dismissed_at: datetime | None
    less_like_this_at: datetime | None
    redeemed_at: datetime | None
    cancelled_at: datetime | None
    cancelled_because: str | None


class ExportedEarlierDelivery(_Form, frozen=True, kw_only=True):
    """An offer of long ago, or from before a phone joined you: it still counts toward limits."""

    delivery_id: UUID
    offer_id: int
    retailer_id: int
    retailer_name: str | None
    channel: str
    tags: list[str]
    counts_toward_caps: bool
    was_dismissed: bool
    decided_at: datetime


class ExportedRedemption(_Form, frozen=True, kw_only=True):
    """An offer you used."""

    redemption_id: UUID
    delivery_id: UUID
    offer_id: int
    retailer_id: int
    retailer_name: str | None
    site_id: int | None
    site_name: str | None
    redeemed_at: datetime


class ExportedPayment(_Form, frozen=True, kw_only=True):
    """Money you were asked for, and what became of it. No card is known here."""

    payment_id: UUID
    subject: str
    subject_id: UUID
    retailer_id: int
    retailer_name: str | None
    amount_minor: int
    currency: str
    state: State
    provider: Literal["sandbox", "stripe"] | None
    provider_ref: str | None
    payment_method: str | None
    decline_reason: str | None
    captured_minor: int
    refunding_minor: int
    refunded_minor: int
    created_at: datetime
    settled_at: datetime | None


class ExportedRefund(_Form, frozen=True, kw_only=True):
    """Money that was given back to you."""

    refund_id: UUID
    payment_id: UUID
    amount_minor: int
    state: RefundState
    reason: str
    provider_ref: str | None
    created_at: datetime
    settled_at: datetime | None


class ExportedEntry(_Form, frozen=True, kw_only=True):
    """A line of the books about a payment of yours."""

    payment_id: UUID
    kind: Literal["capture", "refund"]
    cause_id: UUID
    debit: str
    credit: str
    amount_minor: int
    currency: str
    retailer_id: int
    retailer_name: str | None
    posted_at: datetime


class ExportedTillCode(_Form, frozen=True, kw_only=True):
    """A code of a shop's own that you were shown for an offer."""

    delivery_id: UUID
    offer_id: int
    code: str
    claimed_at: datetime


class ExportedHold(_Form, frozen=True, kw_only=True):
    """An offer that waits for the end of your quiet hours, to be decided about then."""

    offer_id: int
    device_id: UUID
    fence_id: int
    fence_name: str | None
    crossing_id: UUID
    trigger: str
    crossed_at: datetime
    held_at: datetime
    due_at: datetime


class ExportedHoldout(_Form, frozen=True, kw_only=True):
    """An offer you would have been given, and were not: by lot, to measure what it does."""

    offer_id: int
    retailer_id: int
    retailer_name: str | None
    site_id: int | None
    site_name: str | None
    fence_id: int
    fence_name: str | None
    crossing_id: UUID
    drawn_for: Literal["everything", "offer"]
    trace: list[ExportedRule]
    decided_at: datetime


class ExportedReference(_Form, frozen=True, kw_only=True):
    """That a shop may know you, as its own customer, by a name that means nothing to anybody else."""

    retailer_id: int
    retailer_name: str | None
    created_at: datetime


class ExportedAttributes(_Form, frozen=True, kw_only=True):
    """What a shop noted about you, as its own customer."""

    retailer_id: int
    retailer_name: str | None
    attributes: dict[str, str]
    updated_at: datetime


class ExportedDiet(_Form, frozen=True, kw_only=True):
    """What you may not eat, or do not, as far as you asked us to keep it."""

    allergens: list[str]
    diets: list[str]
    updated_at: datetime


class ExportedTestPhone(_Form, frozen=True, kw_only=True):
    """A phone of yours on which you let a shop try things."""

    test_phone_id: str
    device_id: UUID
    retailer_id: int
    retailer_name: str | None
    label: str
    accepted_at: datetime


class ExportedPreview(_Form, frozen=True, kw_only=True):
    """An offer that a shop tries on a test phone of yours."""

    preview_id: UUID
    device_id: UUID
    retailer_id: int
    retailer_name: str | None
    offer_id: int
    channel: str
    tags: list[str]
    content: dict[str, Any]
    created_at: datetime
    expires_at: datetime


class ExportedPrompt(_Form, frozen=True, kw_only=True):
    """Something about parking that you were asked or reminded of."""

    prompt_id: UUID
    device_id: UUID | None
    kind: Literal["pay", "stop", "ending"]
    zone_ids: list[int]
    session_id: UUID | None
    ends_at: datetime | None
    asked_at: datetime
    expires_at: datetime
    answered_at: datetime | None


class ExportedPlate(_Form, frozen=True, kw_only=True):
    """A number plate of yours. `used_on`: the day it was added or last parked with."""

    plate_id: UUID
    country: str
    plate: str
    label: str | None
    created_at: datetime
    used_on: date


class ExportedFreeUse(_Form, frozen=True, kw_only=True):
    """Free minutes that the plate had had on a day."""

    day: date
    minutes: int


class ExportedQuote(_Form, frozen=True, kw_only=True):
    """A price for parking that you asked for. `used_by`: the session that began with it."""

    quote_id: UUID
    zone_id: int
    zone_name: str | None
    tariff_id: int
    tariff_version: int
    classes: list[str]
    country: str | None
    plate: str | None
    starts_at: datetime
    until: datetime
    covered_until: datetime
    price_minor: int
    currency: str
    fps_minor: int | None
    free_before: list[ExportedFreeUse]
    quoted_at: datetime
    expires_at: datetime
    used_by: UUID | None


class ExportedSession(_Form, frozen=True, kw_only=True):
    """A parking session of yours. Inspectors see its plate, zone and times, and never you."""

    session_id: UUID
    quote_id: UUID
    zone_id: int
    zone_name: str | None
    tariff_id: int
    tariff_version: int
    classes: list[str]
    country: str
    plate: str
    state: Literal["pending", "active", "ended", "dropped"]
    starts_at: datetime
    ends_at: datetime
    covered_until: datetime
    ended_at: datetime | None
    ended_because: Literal["stopped", "expired"] | None
    currency: str
    fps_minor: int | None
    free_before: list[ExportedFreeUse]
    remind_s: int | None
    reminded_of: datetime | None
    created_at: datetime


class ExportedPurchase(_Form, frozen=True, kw_only=True):
    """What one payment bought of a parking session."""

    session_id: UUID
    purchase_id: UUID
    until: datetime
    covered_until: datetime
    price_minor: int
    state: Literal["pending", "paid", "failed", "given_back"]
    payment_id: UUID | None
    given_back_minor: int
    asked_at: datetime


class ExportedLook(_Form, frozen=True, kw_only=True):
    """Somebody of the operator's looked at you, with this key and for this reason."""

    look_id: UUID
    key_id: str
    reason: str
    looked_at: datetime


class KeptAnswer(_Form, frozen=True, kw_only=True):
    """An answer kept for a day, so that a repeated request is answered alike."""

    device_id: UUID
    key: str
    operation: str
    state: Literal["in_flight", "done"]
    status: int | None
    answer: str | None
    created_at: datetime


class ExportedPerson(_Form, frozen=True, kw_only=True):
    """Everything under one customer id."""

    customer_id: UUID
    profile: ExportedProfile
    whereabouts: list[Whereabouts]
    devices: list[ExportedDevice]
    tokens: list[ExportedToken]
    link_codes: list[ExportedLinkCode]
    consents: list[ExportedConsent]
    crossings: list[ExportedCrossing]
    timers: list[ExportedTimer]
    deliveries: list[ExportedDelivery]
    earlier_deliveries: list[ExportedEarlierDelivery]
    redemptions: list[ExportedRedemption]
    payments: list[ExportedPayment]
    refunds: list[ExportedRefund]
    ledger: list[ExportedEntry]
    till_codes: list[ExportedTillCode]
    held_offers: list[ExportedHold]
    holdouts: list[ExportedHoldout]
    references: list[ExportedReference]
    attributes: list[ExportedAttributes]
    diet: list[ExportedDiet]
    test_phones: list[ExportedTestPhone]
    previews: list[ExportedPreview]
    parking_prompts: list[ExportedPrompt]
    plates: list[ExportedPlate]
    parking_quotes: list[ExportedQuote]
    parking_sessions: list[ExportedSession]
    parking_purchases: list[ExportedPurchase]
    audit: list[ExportedLook]
    kept_answers: list[KeptAnswer]


class Export(_Form, frozen=True, kw_only=True):
    """All that is known about a person. `before_joining`: what stayed under ids that phones had before."""

    format: Literal["alentour-export/1"]
    exported_at: datetime
    person: ExportedPerson
    before_joining: list[ExportedPerson]
