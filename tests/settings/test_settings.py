"""Every setting is read, and every wrong value is one line that names its variable."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from api.settings import Settings, described
from geo.errors import InvalidInput
from offers.minors import AGES_OF_CONSENT


def test_an_empty_environment_gives_working_defaults():
    settings = Settings.from_environment({})
    assert settings.database_url is None
    assert settings.workers >= 1
    assert (settings.host, settings.port, settings.clock) == ("127.0.0.1", 8000, "normal")


def test_an_empty_variable_counts_as_unset():
    assert Settings.from_environment({"ALENTOUR_PORT": " "}) == Settings.from_environment({})


def test_every_variable_is_read():
    settings = Settings.from_environment(
        {
            "ALENTOUR_DATABASE_URL": "postgres://me:secret@db.example:5433/places?sslmode=require",
            "ALENTOUR_DATA_DIR": "/srv/alentour",
            "ALENTOUR_DATABASE_NAME": "places_2",
            "ALENTOUR_HOST": "::1",
            "ALENTOUR_PORT": "80",
            "ALENTOUR_WORKERS": "3",
            "ALENTOUR_CLOCK": "simulated",
            "ALENTOUR_LOG_LEVEL": "debug",
            "ALENTOUR_LOG_FORMAT": "console",
            "ALENTOUR_DEFAULT_TIME_ZONE": "Europe/Helsinki",
            "ALENTOUR_AGES_OF_CONSENT": "FR=16, US=13",
            "ALENTOUR_QUEUE_FIXES": "100",
            "ALENTOUR_QUEUE_BYTES": "1048576",
            "ALENTOUR_FLUSH_FIXES": "1",
            "ALENTOUR_METRICS_DIR": "/run/metrics",
            "ALENTOUR_RATE_DEVICE_PER_S": "1",
            "ALENTOUR_RATE_DEVICE_BURST": "2",
            "ALENTOUR_RATE_KEY_PER_S": "3",
            "ALENTOUR_RATE_KEY_BURST": "4",
            "ALENTOUR_RATE_ADDRESS_PER_S": "0",
            "ALENTOUR_RATE_ADDRESS_BURST": "6",
            "ALENTOUR_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "ALENTOUR_CORS_ORIGINS": "https://shop.example,http://localhost:5173",
            "ALENTOUR_TLS_IN_FRONT": "yes",
            "ALENTOUR_ERASURE_KEY_FILE": "/etc/alentour/erasure.key",
            "ALENTOUR_DORMANT_AFTER_MONTHS": "24",
            "ALENTOUR_LEDGER_KEPT_YEARS": "6",
        }
    )
    assert settings == Settings(
        database_url="postgresql://me:secret@db.example:5433/places?sslmode=require",
        data_dir=Path("/srv/alentour"),
        database_name="places_2",
        host="::1",
        port=80,
        workers=3,
        clock="simulated",
        log_level="debug",
        log_format="console",
        default_time_zone="Europe/Helsinki",
        ages_of_consent={**AGES_OF_CONSENT, "FR": 16, "US": 13},
        queue_fixes=100,
        queue_bytes=1_048_576,
        flush_fixes=1,
        metrics_dir=Path("/run/metrics"),
        rate_device_per_s=1,
        rate_device_burst=2,
        rate_key_per_s=3,
        rate_key_burst=4,
        rate_address_per_s=0,
        rate_address_burst=6,
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1/128")),
        cors_origins=("https://shop.example", "http://localhost:5173"),
        tls_in_front=True,
        erasure_key_file=Path("/etc/alentour/erasure.key"),
        dormant_after_months=24,
        ledger_kept_years=6,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALENTOUR_DATABASE_URL", "mysql://me@db/places"),
        ("ALENTOUR_DATABASE_URL", "postgresql://me@db"),
        ("ALENTOUR_DATABASE_URL", "postgresql:///places"),
        ("ALENTOUR_DATABASE_URL", "postgresql://me@db:99999/places"),
        ("ALENTOUR_DATABASE_URL", "postgresql://me@db:port/places"),
        ("ALENTOUR_DATABASE_URL", "postgresql://[::1/places"),
        ("ALENTOUR_DATA_DIR", "relative/folder"),
        ("ALENTOUR_DATABASE_NAME", "Places"),
        ("ALENTOUR_DATABASE_NAME", "1a"),
        ("ALENTOUR_DATABASE_NAME", "a" * 64),
        ("ALENTOUR_HOST", "127.0.0.1\x07"),
        ("ALENTOUR_PORT", "0"),
        ("ALENTOUR_PORT", "65536"),
        ("ALENTOUR_PORT", "eight thousand"),
        ("ALENTOUR_PORT", "٨٠٠٠"),
        ("ALENTOUR_WORKERS", "0"),
        ("ALENTOUR_WORKERS", "-1"),
        ("ALENTOUR_CLOCK", "fast"),
        ("ALENTOUR_LOG_LEVEL", "loud"),
        ("ALENTOUR_LOG_FORMAT", "xml"),
        ("ALENTOUR_DEFAULT_TIME_ZONE", "Mars/Olympus"),
        ("ALENTOUR_DEFAULT_TIME_ZONE", "../etc/passwd"),
        ("ALENTOUR_AGES_OF_CONSENT", "FR"),
        ("ALENTOUR_AGES_OF_CONSENT", "fr=15"),
        ("ALENTOUR_AGES_OF_CONSENT", "FR=young"),
        ("ALENTOUR_AGES_OF_CONSENT", "FR=15,DE=12"),
        ("ALENTOUR_AGES_OF_CONSENT", "FR=19"),
        ("ALENTOUR_QUEUE_FIXES", "1e9"),
        ("ALENTOUR_QUEUE_BYTES", "12"),
        ("ALENTOUR_FLUSH_FIXES", "0"),
        ("ALENTOUR_METRICS_DIR", "metrics"),
        ("ALENTOUR_RATE_DEVICE_PER_S", "-1"),
        ("ALENTOUR_RATE_KEY_PER_S", "0.5"),
        ("ALENTOUR_RATE_ADDRESS_BURST", "0"),
        ("ALENTOUR_TRUSTED_PROXIES", "proxy.example"),
        ("ALENTOUR_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("ALENTOUR_TRUSTED_PROXIES", "10.0.0.1,"),
        ("ALENTOUR_CORS_ORIGINS", "shop.example"),
        ("ALENTOUR_CORS_ORIGINS", "https://shop.example/"),
        ("ALENTOUR_TLS_IN_FRONT", "true"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(variable, value):
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environment({variable: value})
    assert caught.value.detail.startswith(f"{variable} ")
    assert "\n" not in caught.value.detail
    assert caught.value.faults[0].field == variable


def test_a_password_is_never_repeated():
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environment({"ALENTOUR_DATABASE_URL": "postgresql://me:secret@db"})
    assert "secret" not in caught.value.detail


def test_a_misspelt_variable_is_pointed_out():
    with pytest.raises(InvalidInput, match="ALENTOUR_PROT is not a setting; did you mean ALENTOUR_PORT"):
        Settings.from_environment({"ALENTOUR_PROT": "80"})


def test_other_peoples_variables_are_left_alone():
    assert Settings.from_environment({"ALENTOUR_KEY": "ak_x", "PORT": "1"}) == Settings.from_environment({})


def test_every_setting_is_described():
    assert all(meaning for _, _, meaning in described())
    assert ("ALENTOUR_PORT", "8000", "port to listen on") in described()
    defaults = {variable: default for variable, default, _ in described()}
    assert defaults["ALENTOUR_CORS_ORIGINS"] == ""
    assert defaults["ALENTOUR_TLS_IN_FRONT"] == "no"
