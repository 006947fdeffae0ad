"""Preferences over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.http.phones import new_phone

PATH = "/v1/me/preferences"


async def test_only_what_is_named_changes(http):
    phone = await new_phone(http, time_zone="Europe/Helsinki", language="en")
    changed = (
        await phone.patch(PATH, {"language": "fr-CA", "interests": ["coffee", "books", "coffee"]})
    ).json()
    assert changed == {
        "time_zone": "Europe/Helsinki",
        "language": "fr-CA",
        "quiet_hours": None,
        "interests": ["coffee", "books"],
        "age_band": "adult",
        "country": None,
    }
    assert (await phone.get("/v1/me")).json()["preferences"] == changed


async def test_quiet_hours_are_set_and_given_up_again(http):
    phone = await new_phone(http)
    hours = {"start": "22:30", "end": "07:15"}
    assert (await phone.patch(PATH, {"quiet_hours": hours})).json()["quiet_hours"] == hours
    assert (await phone.patch(PATH, {"age_band": "adult"})).json()["quiet_hours"] == hours
    assert (await phone.patch(PATH, {"quiet_hours": None})).json()["quiet_hours"] is None


async def test_simultaneous_changes_of_different_preferences_are_all_kept(http):
    phone = await new_phone(http)
    changes = [
        {"language": "fr"},
        {"time_zone": "Asia/Tokyo"},
        {"interests": ["tea"]},
        {"age_band": "15_17"},
        {"country": "FI"},
        {"quiet_hours": {"start": "20:00", "end": "06:00"}},
    ]
    await asyncio.gather(*(phone.patch(PATH, change) for change in changes))
    kept = (await phone.get("/v1/me")).json()["preferences"]
    assert kept == {name: value for change in changes for name, value in change.items()}


async def test_empty_patch_changes_nothing(http):
    phone = await new_phone(http, language="fr")
    assert (await phone.patch(PATH, {})).json()["language"] == "fr"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"language": "x"}, "language"),
        ({"language": "français"}, "language"),
        ({"quiet_hours": {"start": "21:00"}}, "quiet_hours"),
        ({"quiet_hours": {"start": "24:00", "end": "08:00"}}, "quiet_hours.start"),
        ({"quiet_hours": {"start": "21:00", "end": "8:00"}}, "quiet_hours.end"),
        ({"interests": [f"tag {number}" for number in range(51)]}, "interests"),
        ({"interests": ["fine", ""]}, "interests[1]"),
        ({"interests": ["a\u0000"]}, "interests[0]"),
        ({"age_band": "child"}, "age_band"),
        ({"country": "fr"}, "country"),
        ({"country": "FRA"}, "country"),
    ],
)
async def test_bad_preference_names_the_field_and_changes_nothing(http, change, field):
    phone = await new_phone(http)
    before = (await phone.get("/v1/me")).json()["preferences"]
    answer = await phone.patch(PATH, {"language": "fr", **change})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert (await phone.get("/v1/me")).json()["preferences"] == before


@pytest.mark.parametrize(
    ("change", "field", "name"),
    [
        ({"timezone": "Europe/Paris"}, "body", "timezone"),
        ({"quietHours": None}, "body", "quietHours"),
        ({"quiet_hours": {"start": "21:00", "end": "08:00", "days": "Mo"}}, "quiet_hours", "days"),
    ],
)
async def test_unknown_member_is_refused_by_its_name_and_changes_nothing(http, change, field, name):
    phone = await new_phone(http, language="en")
    answer = await phone.patch(PATH, {"language": "fr", **change})
    assert answer.status_code == 400
    fault = answer.json()["errors"][0]
    assert (fault["field"], f"`{name}`" in fault["reason"]) == (field, True)
    assert (await phone.get("/v1/me")).json()["preferences"]["language"] == "en"
