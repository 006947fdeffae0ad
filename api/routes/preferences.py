"""What a customer prefers, over HTTP."""

from typing import Annotated, Final

import msgspec
from litestar import Router, patch
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.routes.devices import key_of
from offers.people.age_bands import change_preferences_of_age
from offers.people.customers import MAX_INTERESTS, Preferences, QuietHours
from offers.terms import AgeBand


class PreferencesPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Only what is named changes.

    `quiet_hours` are wall-clock times in the customer's zone, may wrap midnight; null goes back to
    the system's own, equal times mean none. `country` (ISO 3166) is where the person lives; null: the one
    their time zone is named for.
    """

    time_zone: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET
    interests: Annotated[list[str], msgspec.Meta(max_length=MAX_INTERESTS)] | UnsetType = UNSET
    age_band: AgeBand | UnsetType = UNSET
    country: Annotated[str, msgspec.Meta(max_length=2)] | UnsetType | None = UNSET


@patch(
    "/v1/me/preferences",
    guards=[requires_phone],
    operation_id="changePreferences",
    summary="Change preferences",
)
async def change(
    phone: AuthPhone,
    tx: Tx,
    state: State,
    data: JSONBody[PreferencesPatch],
) -> Preferences:
    """Zone, language, quiet hours, interests, age band, country; they hold for all the customer's phones.

    The age band is what the person says; `unknown` counts as a minor. One that allows less (or a country
    whose age of consent is higher) takes back what is no longer allowed, at once and on record, as a
    withdrawal would; allowing more grants nothing.
    """
    named = {name: getattr(data, name) for name in data.__struct_fields__}
    changes = {name: value for name, value in named.items() if value is not UNSET}
    ages = state.settings.ages_of_consent
    return await change_preferences_of_age(tx, key_of(phone), device_id=phone.device_id, ages=ages, **changes)


router: Final = Router("/", route_handlers=[change], dependencies=PLAIN, tags=["Phones"])
