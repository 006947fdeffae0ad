"""What an operator may set: the `ALENTOUR_*` environment variables, read once and validated.

Owns the names, defaults, limits and texts of the settings, nothing else: no module reads the
environment by itself, and nothing is read at import.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from geo.errors import Fault, InvalidInput
from geo.wall_clock import is_zone
from offers.minors import ADULT, AGES_OF_CONSENT, YOUNGEST_AGE_OF_CONSENT

ClockMode = Literal["normal", "simulated"]
FlushBuckets = Literal["many", "one"]
LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

PREFIX: Final = "ALENTOUR_"
_MIB: Final = 1024 * 1024


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


def _database_name(value: str) -> str:
    if not (value.isascii() and value.isidentifier() and value == value.lower() and len(value) <= 63):
        raise ValueError("must be lower-case letters, digits and _, at most 63, no digit first")
    return value


def _time_zone(value: str) -> str:
    if not is_zone(value):
        raise ValueError("must be an IANA time zone, such as Europe/Paris")
    return ZoneInfo(value).key


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
    metrics_dir: Path | None = _setting(
        _folder, "folder the workers share their metrics in; unset is a temporary one", default=None
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
    if field.default is dataclasses.MISSING or field.default is None:
        return ""
    return str(field.default)


def _parsed(field: dataclasses.Field[Any], text: str) -> Any:
    try:
        return field.metadata["parse"](text)
    except ValueError as error:
        variable = variable_of(field.name)
        # A URL may carry a password: it is never repeated.
        shown = "" if field.name == "database_url" else f", not {text!r}"
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
