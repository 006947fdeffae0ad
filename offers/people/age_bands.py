"""Preferences that change what a person may consent to: age band, country, time zone.

Owns the taking back of consents that are no longer allowed, recorded as the person's withdrawals with the
method `age_band`, in the transaction that changes the preference. Which are allowed is `offers.minors`'.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from offers.minors import AGES_OF_CONSENT, age_of_consent, not_allowed
from offers.people.consent_records import take_back
from offers.people.customers import (
    CustomerKey,
    Preferences,
    change_preferences,
    check_preferences,
    lock_customers,
    read_grants,
    read_preferences,
)

METHOD: Final = "age_band"


async def change_preferences_of_age(
    connection: asyncpg.Connection,
    key: CustomerKey,
    *,
    device_id: UUID,
    ages: Mapping[str, int] = AGES_OF_CONSENT,
    **changes: object,
) -> Preferences:
    """`change_preferences`, after taking back what the person may not consent to any more."""
    check_preferences(**changes)
    await lock_customers(connection, key)
    chosen = msgspec.structs.replace(await read_preferences(connection, key), **changes)
    needed_age = age_of_consent(chosen.home, ages)
    ending = not_allowed(await read_grants(connection, key), chosen.age_band, needed_age)
    if ending:
        await take_back(connection, key, ending, method=METHOD, device_id=device_id)
    return await change_preferences(connection, key, **changes)
