"""What of each table a person gets in the export: the list, table by table and column by column.

A column of a person's table is either given, under its own name, or left out for a reason that stands
here; a test compares this with the schema. Reading and writing are `offers.people.export`'s.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

_WHOSE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bucket": "where the row is stored; follows from the customer's id",
        "customer_id": "said once, at the top",
    }
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One table's part of the export, a list under `name`.

    `columns` are names with spaces between, `names` readable names beside ids, as SQL, and `json` the
    columns that hold JSON already. `sealed` is a column with an encrypted plate, which is given as `country`
    and `plate`.
    """

    name: str
    table: str
    columns: str
    leaves_out: Mapping[str, str] = _WHOSE
    names: str = ""
    json: frozenset[str] = frozenset()
    sealed: str | None = None
    order_by: str

    @property
    def statement(self) -> str:
        """Of one customer: $1 bucket, $2 customer id."""
        columns = ", ".join(f"t.{column}" for column in self.columns.split())
        return (
            f"SELECT {columns}{self.names} FROM {self.table} AS t"  # noqa: S608 - names of this module
            f" WHERE t.bucket = $1 AND t.customer_id = $2 ORDER BY {self.order_by}"
        )


def _named(table: str) -> str:
    id_ = f"{table}_id"
    return f", (SELECT n.name FROM {table}s AS n WHERE n.{id_} = t.{id_}) AS {table}_name"  # noqa: S608 - the same


_ZONE_NAME: Final = ", (SELECT z.name FROM parking_zones AS z WHERE z.zone_id = t.zone_id) AS zone_name"

SECTIONS: Final = (
    Section(
        name="devices",
        table="devices",
        columns="device_id platform status label created_at seen_on revoked_at",
        order_by="t.created_at, t.device_id",
    ),
    Section(
        name="tokens",
        table="device_tokens",
        columns="device_id status created_at",
        leaves_out={**_WHOSE, "token_hash": "a hash of the secret that the phone holds"},
        order_by="t.created_at, t.device_id",
    ),
    Section(
        name="link_codes",
        table="link_codes",
        columns="code_id expires_at tries_left used_at device_id",
        leaves_out={
            **_WHOSE,
            "secret_hash": "a hash of the code's secret half",
            "installation_bucket": "follows from the installation",
            "installation_hash": "a hash of the secret that an app made for itself",
        },
        order_by="t.expires_at, t.code_id",
    ),
    Section(
        name="consents",
        table="consents",
        columns=(
            "consent_id purpose is_granted retailer_id channel notice_version language method "
            "device_id recorded_at"
        ),
        order_by="t.recorded_at, t.consent_id",
        names=_named("retailer"),
    ),
    Section(
        name="crossings",
        table="crossings",
        columns=(
            "crossing_id device_id fence_id site_id retailer_id kind confidence occurred_at recorded_at"
        ),
        names=_named("fence") + _named("site") + _named("retailer"),
        order_by="t.occurred_at, t.crossing_id",
    ),
    Section(
        name="timers",
        table="timers",
        columns="device_id kind fence_id due_at",
        names=_named("fence"),
        order_by="t.due_at, t.device_id, t.fence_id",
    ),
    Section(
        name="deliveries",
        table="deliveries",
        columns=(
            "delivery_id seq device_id offer_id retailer_id site_id fence_id crossing_id trigger "
            "channel tags counts_toward_caps content code trace decided_at expires_at handed_at "
            "shown_at opened_at dismissed_at less_like_this_at redeemed_at cancelled_at "
            "cancelled_because"
        ),
        leaves_out={**_WHOSE, "lease_id": "which share of the offer's budget it was taken from"},
        names=_named("retailer") + _named("site") + _named("fence"),
        json=frozenset({"content", "trace"}),
        order_by="t.seq",
    ),
    Section(
        name="earlier_deliveries",
        table="earlier_deliveries",
        columns=("delivery_id offer_id retailer_id channel tags counts_toward_caps was_dismissed decided_at"),
        names=_named("retailer"),
        order_by="t.decided_at, t.delivery_id",
    ),
    Section(
        name="redemptions",
        table="redemptions",
        columns="redemption_id delivery_id offer_id retailer_id site_id redeemed_at",
        leaves_out={
            **_WHOSE,
            "key_id": "which of the shop's tills it was",
            "operation_id": "makes the till's retry harmless",
        },
        names=_named("retailer") + _named("site"),
        order_by="t.redeemed_at, t.redemption_id",
    ),
    Section(
        name="payments",
        table="payments",
        columns=(
            "payment_id subject subject_id retailer_id amount_minor currency state provider provider_ref "
            "payment_method decline_reason captured_minor refunding_minor refunded_minor created_at "
            "settled_at"
        ),
        leaves_out={
            **_WHOSE,
            "operation_id": "makes the app's retry harmless",
            "client_secret": "a secret of a payment that waits for you; the payment itself tells it",
            "begun_at": "when by the machine's clock; created_at says it",
            "attempts": "how often the provider was asked",
            "claim": "which worker asks the provider",
            "claimed_until": "until when it may",
            "look_at": "when it is looked at again",
        },
        names=_named("retailer"),
        order_by="t.created_at, t.payment_id",
    ),
    Section(
        name="refunds",
        table="refunds",
        columns="refund_id payment_id amount_minor state reason provider_ref created_at settled_at",
        leaves_out={
            **_WHOSE,
            "operation_id": "makes the business's retry harmless",
            "first_key_id": "which key of the business asked",
            "attempts": "how often the provider was asked",
            "claim": "which worker asks the provider",
            "claimed_until": "until when it may",
            "look_at": "when it is looked at again",
        },
        order_by="t.created_at, t.refund_id",
    ),
    Section(
        name="ledger",
        table="ledger_entries",
        columns="payment_id kind cause_id debit credit amount_minor currency retailer_id posted_at",
        names=_named("retailer"),
        order_by="t.posted_at, t.cause_id",
    ),
    Section(
        name="till_codes",
        table="offer_codes",
        columns="delivery_id offer_id code claimed_at",
        order_by="t.claimed_at, t.code",
    ),
    Section(
        name="held_offers",
        table="held_offers",
        columns="offer_id device_id fence_id crossing_id trigger crossed_at held_at due_at",
        names=_named("fence"),
        order_by="t.due_at, t.offer_id",
    ),
    Section(
        name="holdouts",
        table="holdouts",
        columns="offer_id retailer_id site_id fence_id crossing_id drawn_for trace decided_at",
        names=_named("retailer") + _named("site") + _named("fence"),
        json=frozenset({"trace"}),
        order_by="t.decided_at, t.offer_id",
    ),
    Section(
        name="references",
        table="customer_references",
        columns="retailer_id created_at",
        leaves_out={**_WHOSE, "reference_hash": "a hash of the name that the app was given for the shop"},
        names=_named("retailer"),
        order_by="t.created_at, t.retailer_id",
    ),
    Section(
        name="attributes",
        table="customer_attributes",
        columns="retailer_id attributes updated_at",
        names=_named("retailer"),
        json=frozenset({"attributes"}),
        order_by="t.updated_at, t.retailer_id",
    ),
    Section(
        name="diet",
        table="customer_diets",
        columns="allergens diets updated_at",
        order_by="t.updated_at",
    ),
    Section(
        name="test_phones",
        table="test_phones",
        columns="test_phone_id device_id retailer_id label accepted_at",
        names=_named("retailer"),
        order_by="t.accepted_at, t.retailer_id",
    ),
    Section(
        name="previews",
        table="previews",
        columns="preview_id device_id retailer_id offer_id channel tags content created_at expires_at",
        names=_named("retailer"),
        json=frozenset({"content"}),
        order_by="t.created_at, t.preview_id",
    ),
    Section(
        name="parking_prompts",
        table="parking_prompts",
        columns="prompt_id device_id kind zone_ids session_id ends_at asked_at expires_at answered_at",
        order_by="t.asked_at, t.prompt_id",
    ),
    Section(
        name="plates",
        table="parking_plates",
        columns="plate_id sealed label created_at used_on",
        leaves_out={
            **_WHOSE,
            "plate_hmac": "a keyed hash of the plate, to find it by",
            "key_name": "under which key the plate is encrypted",
        },
        sealed="sealed",
        order_by="t.created_at, t.plate_id",
    ),
    Section(
        name="parking_quotes",
        table="parking_quotes",
        columns=(
            "quote_id zone_id tariff_id tariff_version classes plate_sealed starts_at until covered_until "
            "price_minor currency fps_minor free_before quoted_at expires_at used_by"
        ),
        leaves_out={**_WHOSE, "plate_hmac": "a keyed hash of the plate, to find it by"},
        names=_ZONE_NAME,
        json=frozenset({"free_before"}),
        sealed="plate_sealed",
        order_by="t.quoted_at, t.quote_id",
    ),
    Section(
        name="parking_sessions",
        table="parking_sessions",
        columns=(
            "session_id quote_id zone_id tariff_id tariff_version classes plate_sealed state starts_at "
            "ends_at covered_until ended_at ended_because currency fps_minor free_before remind_s "
            "reminded_of created_at"
        ),
        leaves_out={
            **_WHOSE,
            "plate_hmac": "a keyed hash of the plate, to find it by",
            "operation_id": "makes a retry harmless",
            "due_at": "when it is looked at again by itself",
        },
        names=_ZONE_NAME,
        json=frozenset({"free_before"}),
        sealed="plate_sealed",
        order_by="t.created_at, t.session_id",
    ),
    Section(
        name="parking_purchases",
        table="parking_purchases",
        columns=(
            "session_id purchase_id until covered_until price_minor state payment_id given_back_minor "
            "asked_at"
        ),
        leaves_out={**_WHOSE, "operation_id": "makes a retry harmless"},
        order_by="t.asked_at, t.purchase_id",
    ),
    Section(
        name="audit",
        table="customer_looks",
        columns="look_id key_id reason looked_at",
        order_by="t.looked_at, t.look_id",
    ),
)

# Tables of a person's that are in the export in another way, or are not: where, or why.
OTHERWISE: Final[Mapping[str, str]] = {
    "customers": "`profile`",
    "device_states": "`whereabouts`, in words",
    "former_customers": "`before_joining`: the same again for each customer the person was before",
    "idempotency_keys": "`kept_answers`, by the device that asked",
    "installations": "left out: a hash of a secret of the app's own, and the device it is",
}
