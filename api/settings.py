"""What an operator may set: the `ALENTOUR_*` environment variables, read once and validated.

Owns the names, defaults, limits and texts of the settings, nothing else: no module reads the
environment by itself, and nothing is read at import.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from geo.errors import Fault, InvalidInput
from geo.wall_clock import is_zone
from offers.minors import ADULT, AGES_OF_CONSENT, YOUNGEST_AGE_OF_CONSENT
from offers.periods import DORMANT_AFTER_MONTHS, LEDGER_KEPT_YEARS, PARKING_KEPT_MONTHS, PLATES_KEPT_MONTHS

ClockMode = Literal["normal", "simulated"]
FlushBuckets = Literal["many", "one"]
Payments = Literal["sandbox", "stripe"]
LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

PREFIX: Final = "ALENTOUR_"
_MIB: Final = 1024 * 1024
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")


def _text(value: str) -> str:
    if any(not character.isprintable() for character in value):
        raise ValueError("must be printable text")
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`, both included."""

    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit()) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _folder(value: str) -> Path:
    path = Path(_text(value)).expanduser()
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _database_url(value: str) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("must start with postgresql://")
    if not parts.path.strip("/"):
        raise ValueError("must name a database, as in postgresql://user@host/database")
    if not parts.netloc.rpartition("@")[2] and "host" not in parse_qs(parts.query):
        raise ValueError("must name a host, as in postgresql://user@host/database")
    _ = parts.port  # raises ValueError when it is not a port number
    return "postgresql" + value[len(parts.scheme) :]


def _base(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("must be an origin such as https://api.stripe.com")
    return value


def _database_name(value: str) -> str:
    if not (value.isascii() and value.isidentifier() and value == value.lower() and len(value) <= 63):
        raise ValueError("must be lower-case letters, digits and _, at most 63, no digit first")
    return value


def _time_zone(value: str) -> str:
    if not is_zone(value):
        raise ValueError("must be an IANA time zone, such as Europe/Paris")
    return ZoneInfo(value).key


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(word.strip()) for word in value.split(","))
    except ValueError:
        raise ValueError("must be addresses or networks with commas between, such as 10.0.0.0/8") from None


def _origins(value: str) -> tuple[str, ...]:
    """As browsers write them (RFC 6454 § 6.2): lower case, no default port, nothing after it."""
    origins = tuple(word.strip() for word in value.split(","))
    if origins != ("*",) and not all(map(_ORIGIN.fullmatch, origins)):
        raise ValueError("must be origins with commas between, such as https://shop.example, or *")
    return origins


def _yes_or_no(value: str) -> bool:
    return _one_of("yes", "no")(value) == "yes"


def _ages(value: str) -> Mapping[str, int]:
    """`FR=15,DE=16` laid over the ages that are known."""
    ages = dict(AGES_OF_CONSENT)
    for one in value.split(","):
        country, _, age = one.strip().partition("=")
        is_country = len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()
        if not (is_country and age.isascii() and age.isdigit()):
            raise ValueError("must be countries and ages such as FR=15,DE=16")
        if not YOUNGEST_AGE_OF_CONSENT <= int(age) <= ADULT:
            raise ValueError(f"must have ages from {YOUNGEST_AGE_OF_CONSENT} to {ADULT}")
        ages[country] = int(age)
    return ages


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_SECRET: Final = frozenset({"database_url", "stripe_key", "stripe_webhook_secret"})
_PER_S: Final = _whole(0, 1_000_000)
_BURST: Final = _whole(1, 10_000_000)


def _setting(parse: Callable[[str], Any], doc: str, **default: Any) -> Any:
    """A field read from `ALENTOUR_<FIELD>`; `default` or `default_factory` as for dataclasses."""
    return dataclasses.field(metadata={"parse": parse, "doc": doc}, **default)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One value per variable: field `queue_fixes` is `ALENTOUR_QUEUE_FIXES`."""

    database_url: str | None = _setting(
        _database_url, "PostgreSQL to use; unset starts the embedded one", default=None
    )
    data_dir: Path | None = _setting(
        _folder, "folder of the embedded database; unset is ~/.local/share/alentour/…", default=None
    )
    database_name: str = _setting(_database_name, "database inside the embedded cluster", default="alentour")
    host: str = _setting(_text, "address to listen on", default="127.0.0.1")
    port: int = _setting(_whole(1, 65535), "port to listen on", default=8000)
    workers: int = _setting(_whole(1, 256), "worker processes; default one per core", default_factory=_cores)
    clock: ClockMode = _setting(
        _one_of("normal", "simulated"),
        "normal, or simulated: time is set over the API (fixed for a database's life)",
        default="normal",
    )
    log_level: LogLevel = _setting(
        _one_of("debug", "info", "warning", "error"), "least level that is logged", default="info"
    )
    log_format: LogFormat = _setting(
        _one_of("json", "console"), "json for machines, console for people", default="json"
    )
    default_time_zone: str = _setting(
        _time_zone, "zone of customers who have not named theirs", default="Europe/Paris"
    )
    ages_of_consent: Mapping[str, int] = _setting(
        _ages,
        "digital ages of consent that differ from GDPR Art. 8's national choices, such as FR=15,DE=16",
        default_factory=lambda: AGES_OF_CONSENT,
    )
    queue_fixes: int = _setting(
        _whole(100, 10_000_000), "fixes waiting in one worker before 429", default=20_000
    )
    queue_bytes: int = _setting(
        _whole(_MIB, 1 << 40), "bytes of fixes waiting in one worker before 429", default=64 * _MIB
    )
    flush_fixes: int = _setting(_whole(1, 100_000), "most fixes in one database transaction", default=2_000)
    flush_buckets: FlushBuckets = _setting(
        _one_of("many", "one"),
        "many, or one: customers of how many buckets share a transaction (one where tables are distributed)",
        default="many",
    )
    rate_device_per_s: int = _setting(
        _PER_S, "requests a second of one device, per worker; 0 for no limit", default=20
    )
    rate_device_burst: int = _setting(_BURST, "requests of one device at once", default=600)
    rate_key_per_s: int = _setting(
        _PER_S, "requests a second with one key, per worker; 0 for no limit", default=200
    )
    rate_key_burst: int = _setting(_BURST, "requests with one key at once", default=2_000)
    rate_address_per_s: int = _setting(
        _PER_S,
        "registrations a second from one address, per worker, a failed login counting as 10; 0 for no limit",
        default=10,
    )
    rate_address_burst: int = _setting(_BURST, "registrations from one address at once", default=5_000)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        _networks, "addresses or networks of proxies whose X-Forwarded-For is believed", default=()
    )
    cors_origins: tuple[str, ...] = _setting(
        _origins, "origins whose pages may call the API, or *; unset: none", default=()
    )
    tls_in_front: bool = _setting(
        _yes_or_no, "yes where clients only come over TLS: answers then say so (HSTS)", default=False
    )
    payments: Payments = _setting(
        _one_of("sandbox", "stripe"), "sandbox (play money) or stripe: who takes payments", default="sandbox"
    )
    stripe_key: str | None = _setting(_text, "secret key of Stripe's API", default=None)
    stripe_key_file: Path | None = _setting(_folder, "file that holds it, instead", default=None)
    stripe_webhook_secret: str | None = _setting(
        _text, "secret that Stripe signs webhooks with", default=None
    )
    stripe_webhook_secret_file: Path | None = _setting(_folder, "file that holds it, instead", default=None)
    stripe_api_base: str | None = _setting(
        _base, "where Stripe's API is, if not at api.stripe.com", default=None
    )
    metrics_dir: Path | None = _setting(
        _folder, "folder the workers share their metrics in; unset is a temporary one", default=None
    )
    erasure_key_file: Path | None = _setting(
        _folder,
        "file of the key that proofs of erased people are under; unset is erasure.key beside the data",
        default=None,
    )
    plate_key_file: Path | None = _setting(
        _folder,
        "file of the key that number plates are encrypted under; unset is plates.key beside the data",
        default=None,
    )
    plates_kept_months: int = _setting(
        _whole(1, 36), "months after its last use that a customer's plate is kept", default=PLATES_KEPT_MONTHS
    )
    parking_kept_months: int = _setting(
        _whole(1, 120),
        "months that a parking session and its receipt are kept",
        default=PARKING_KEPT_MONTHS,
    )
    dormant_after_months: int = _setting(
        _whole(6, 120), "months without contact after which a person is erased", default=DORMANT_AFTER_MONTHS
    )
    ledger_kept_years: int = _setting(
        _whole(1, 30), "years that redemptions are proven, without the person", default=LEDGER_KEPT_YEARS
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read `environ` (default: this process's); an empty variable counts as unset.

        Raises InvalidInput whose detail is one line that names the first wrong variable.
        """
        environ = os.environ if environ is None else environ
        _refuse_misspelt(environ)
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            text = environ.get(variable_of(field.name), "").strip()
            if text:
                values[field.name] = _parsed(field, text)
        return cls(**values)


def variable_of(field_name: str) -> str:
    """`queue_fixes` → `ALENTOUR_QUEUE_FIXES`."""
    return PREFIX + field_name.upper()


def described() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, for help texts and documentation."""
    return [
        (variable_of(field.name), _default_text(field), field.metadata["doc"])
        for field in dataclasses.fields(Settings)
    ]


def _default_text(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING or field.default is None or field.default == ():
        return ""
    if isinstance(field.default, bool):
        return "yes" if field.default else "no"
    return str(field.default)


def _parsed(field: dataclasses.Field[Any], text: str) -> Any:
    try:
        return field.metadata["parse"](text)
    except ValueError as error:
        variable = variable_of(field.name)
        # A URL may carry a password, and secrets are secret: never repeated.
        shown = "" if field.name in _SECRET else f", not {text!r}"
        raise InvalidInput(f"{variable} {error}{shown}", faults=(Fault(variable, str(error)),)) from None


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    """A typo must not leave a default in force silently; foreign ALENTOUR_ names are nobody's business."""
    known = [variable_of(field.name) for field in dataclasses.fields(Settings)]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
            if close:
                reason = f"is not a setting; did you mean {close[0]}?"
                raise InvalidInput(f"{name} {reason}", faults=(Fault(name, reason),))
