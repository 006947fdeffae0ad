"""The `alentour` command: what a person types, and how mistakes are told.

Owns arguments and exit codes: 0 done, 1 it did not work, 2 the arguments or settings are wrong.
Whatever a user can cause is one line on stderr. The work itself is imported when it is asked for,
so that `--help` is quick and workers, which import this module again, stay light.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from api.settings import Settings, described
from geo.errors import AlentourError, InvalidInput


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        chosen = _parser().parse_args(arguments)
        code: int | None = chosen.run(chosen)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nobody is left to tell
        return 1
    except Exception as error:
        if (reason := _reason_for_user(error)) is None:
            raise
        return _complain(reason, 2 if isinstance(error, InvalidInput) else 1)
    return code or 0


def _reason_for_user(error: Exception) -> str | None:
    """The sentence for a failure that a user can do something about; None for a fault of ours."""
    if isinstance(error, AlentourError):
        return error.detail
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return _database_refusal(error)


def _serve(chosen: argparse.Namespace) -> None:
    from api.server import serve

    serve(_settings(chosen))


def _upgrade(chosen: argparse.Namespace) -> None:
    from api import provision, schema

    with provision.provided_database(_settings(chosen)) as settings:
        url = provision.url_of(settings)
        before, _ = schema.status(url)
        schema.upgrade(url)
        now, _ = schema.status(url)
        print(f"revision {now}" if before == now else f"revision {before or 'none'} → {now}")


def _status(chosen: argparse.Namespace) -> int:
    from api import provision, schema

    with provision.provided_database(_settings(chosen)) as settings:
        current, newest = schema.status(provision.url_of(settings))
    if current == newest:
        print(f"revision {current}, up to date")
        return 0
    print(f"revision {current or 'none'}, newest {newest}: run alentour db upgrade")
    return 1


def _run_with_database(chosen: argparse.Namespace) -> int:
    from api import provision

    if not chosen.command:
        raise InvalidInput("name the command to run")
    return provision.run_with_database(_settings(chosen), chosen.command, is_fresh=chosen.fresh)


def _import(chosen: argparse.Namespace) -> None:
    from api import importer, provision

    asked = _settings(chosen)
    if chosen.create_retailer and chosen.retailer is None:
        raise InvalidInput("--create-retailer goes with --retailer NAME")
    if not chosen.file.is_file():
        raise InvalidInput(f"{chosen.file} is not a file")
    with provision.provided_database(asked) as settings:
        provision.bring_up_to_date(settings, is_embedded=asked.database_url is None)
        work = functools.partial(
            importer.import_and_print,
            path=chosen.file,
            retailer=chosen.retailer,
            creates_retailer=chosen.create_retailer,
            time_zone=chosen.time_zone or settings.default_time_zone,
        )
        provision.with_connection(settings, work)


def _create_key(chosen: argparse.Namespace) -> None:
    from api import keys, provision

    asked = _settings(chosen)
    if (chosen.role == "admin") != (chosen.retailer is None):
        raise InvalidInput("--role manage, till and read go with --retailer ID, --role admin without")
    with provision.provided_database(asked) as settings:
        provision.bring_up_to_date(settings, is_embedded=asked.database_url is None)
        work = functools.partial(
            keys.create_by_command, retailer_id=chosen.retailer, role=chosen.role, label=chosen.label
        )
        print(provision.with_connection(settings, work))


def _prove(chosen: argparse.Namespace) -> int:
    import msgspec

    from api import erasure_key, provision
    from offers.people import proofs

    asked = _settings(chosen)
    with provision.provided_database(asked) as settings:
        provision.bring_up_to_date(settings, is_embedded=asked.database_url is None)
        work = functools.partial(
            proofs.look_up, customer_id_or_code=chosen.of, proof_key=erasure_key.proof_key_of(asked)
        )
        proven = provision.with_connection(settings, work)
    print(msgspec.json.format(msgspec.json.encode(proven)).decode())
    return 0 if proven.consents or proven.redemptions or proven.payments else 1


def _demo(chosen: argparse.Namespace) -> int | None:
    from api import demo

    code: int | None = demo.run(chosen)
    return code


def _openapi(_chosen: argparse.Namespace) -> None:
    import msgspec

    from api import openapi
    from api.app import create_litestar
    from api.observability import Metrics

    document = openapi.document(create_litestar(Settings(), Metrics()))
    print(msgspec.json.format(msgspec.json.encode(document)).decode())


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message} (see {self.prog} --help)", 2))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="alentour",
        description="Location-aware mobile marketing that asks first.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"alentour {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("serve", help="serve the API until stopped").set_defaults(run=_serve)
    _add_database_commands(commands.add_parser("db", help="look after the database's schema"))
    _add_import(
        commands.add_parser("import", help="import shops, restaurants and car parks from OpenStreetMap")
    )
    _add_demo(commands.add_parser("demo", help="a simulated hour of a real city"))
    _add_key_commands(commands.add_parser("key", help="make API keys"))
    prove = commands.add_parser("prove", help="what is kept of somebody erased; exit code 1: nothing")
    prove.add_argument("of", metavar="ID_OR_CODE", help="a customer's id, or the code of an offer")
    prove.set_defaults(run=_prove)
    commands.add_parser("openapi", help="print the OpenAPI document").set_defaults(run=_openapi)
    return parser


def _add_database_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("upgrade", help="apply every missing revision").set_defaults(run=_upgrade)
    status = commands.add_parser("status", help="print the revision; exit code 1 when it is not the newest")
    status.set_defaults(run=_status)
    run = commands.add_parser("run", help="run a command with ALENTOUR_DATABASE_URL set to a database")
    run.add_argument("--fresh", action="store_true", help="in an empty database that is dropped afterwards")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    run.set_defaults(run=_run_with_database)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.osm.pbf", type=Path)
    parser.add_argument(
        "--retailer",
        help="id, external id or name of the sites' owner, who must exist (OpenStreetMap places)",
    )
    parser.add_argument(
        "--create-retailer", action="store_true", help="make a retailer of that name if there is none"
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="IANA zone of the sites, such as Europe/Helsinki")
    parser.set_defaults(run=_import)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phones", type=_count, default=300, metavar="N", help="how many (300)")
    parser.add_argument("--minutes", type=_count, default=60, metavar="M", help="simulated minutes (60)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of everything that is drawn (1)")
    parser.add_argument("--exit", action="store_true", help="end after the summary instead of serving on")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.json", help="also write the summary there, in a folder there is"
    )
    parser.set_defaults(run=_demo)


def _add_key_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = commands.add_parser("create", help="make a key and print it; it cannot be read again")
    create.add_argument("--role", choices=["admin", "manage", "till", "read", "enforce"], default="admin")
    create.add_argument("--retailer", type=_count, metavar="ID", help="whose key it is, unless admin")
    create.add_argument("--label", default="", help="a note to tell keys apart")
    create.set_defaults(run=_create_key)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _settings(_chosen: argparse.Namespace) -> Settings:
    return Settings.from_environment()


def _settings_help() -> str:
    lines = [
        f"  {variable:<30} {meaning}" + (f" ({default})" if default else "")
        for variable, default, meaning in described()
    ]
    return "\n".join(["settings, from the environment:", *lines])


def _version() -> str:
    try:
        return importlib.metadata.version("alentour")
    except importlib.metadata.PackageNotFoundError:
        return "from a checkout that is not installed"


def _complain(reason: str, code: int) -> int:
    print("alentour: " + " ".join(reason.split()), file=sys.stderr)
    return code


def _database_refusal(error: Exception) -> str | None:
    """What the database server said, if it was the one to refuse; None for everything else."""
    import asyncpg
    from sqlalchemy.exc import DBAPIError

    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) or isinstance(cause, asyncpg.PostgresError | asyncpg.InterfaceError):
        return f"the database refuses: {str(cause).partition(chr(10))[0]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
