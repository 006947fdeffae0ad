"""The `alentour` command as a person uses it: its two outputs and its exit code."""

import asyncio
import json
import os
import subprocess
import sys
from uuid import uuid4

import asyncpg
import pytest

from api import cli
from api.erasure_key import proof_key_of
from api.settings import Settings
from offers.buckets import bucket_of
from offers.codes import new_code
from tests.serving import CHECKOUT, free_port

ERASED = uuid4()


@pytest.fixture
def alentour(database_url, monkeypatch, capfd):
    """Run the command in this process, against this test's database: (exit code, stdout, stderr)."""

    def run(*arguments, **environ):
        for name in list(os.environ):
            if name.startswith("ALENTOUR_"):
                monkeypatch.delenv(name)
        for name, value in ({"ALENTOUR_DATABASE_URL": database_url} | environ).items():
            monkeypatch.setenv(name, value)
        capfd.readouterr()
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = end.code
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


def one_line(stderr):
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1
    assert stderr.startswith("alentour: ")
    return stderr.strip()


def test_the_version_is_printed(alentour):
    code, out, _ = alentour("--version")
    assert code == 0
    assert out.startswith("alentour 0.")


def test_help_lists_the_commands_and_the_settings(alentour):
    code, out, _ = alentour("--help")
    assert code == 0
    for word in ("serve", "import", "demo", "ALENTOUR_DATABASE_URL", "ALENTOUR_CLOCK"):
        assert word in out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("serve", "--fast"),
        ("db",),
        ("db", "downgrade"),
        ("import",),
        ("import", "/nowhere/city.osm.pbf"),
        ("import", __file__, "--create-retailer"),
        ("demo", "--phones", "none"),
        ("demo", "--minutes", "0"),
        ("key", "create", "--role", "king"),
        ("key", "create", "--role", "manage"),
        ("key", "create", "--role", "admin", "--retailer", "1"),
        ("key", "create", "--retailer", "-5", "--role", "till"),
    ],
)
def test_a_wrong_command_is_one_line_and_code_2(alentour, arguments):
    code, _, err = alentour(*arguments)
    one_line(err)
    assert code == 2


@pytest.mark.parametrize("command", [("serve",), ("db", "status"), ("key", "create"), ("import", __file__)])
def test_a_wrong_setting_is_one_line_and_code_2(alentour, command):
    code, _, err = alentour(*command, ALENTOUR_PORT="high")
    assert "ALENTOUR_PORT" in one_line(err)
    assert code == 2


@pytest.mark.parametrize("command", [("serve",), ("db", "upgrade"), ("db", "status"), ("key", "create")])
@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody@127.0.0.1:1/places", "postgresql://nobody@/places?host=/nowhere"],
)
def test_a_database_out_of_reach_is_one_line_and_code_1(alentour, command, url):
    code, _, err = alentour(*command, ALENTOUR_DATABASE_URL=url, ALENTOUR_PORT=str(free_port()))
    assert "database" in one_line(err)
    assert code == 1


def test_status_and_upgrade_tell_the_revision(alentour, cluster):
    cluster.create_database("bare")
    bare = cluster.url("bare")
    code, out, _ = alentour("db", "status", ALENTOUR_DATABASE_URL=bare)
    assert code == 1
    assert "revision none" in out
    assert alentour("serve", ALENTOUR_DATABASE_URL=bare, ALENTOUR_PORT=str(free_port()))[0] == 1
    code, out, err = alentour("db", "upgrade", ALENTOUR_DATABASE_URL=bare)
    assert (code, err) == (0, "")
    assert out.startswith("revision none → ")
    code, out, _ = alentour("db", "status", ALENTOUR_DATABASE_URL=bare)
    assert code == 0
    assert "up to date" in out
    cluster.drop_database("bare")


def test_a_key_is_made_and_only_its_hash_is_kept(alentour, database_url):
    code, out, err = alentour("key", "create", "--label", "first")
    assert (code, err) == (0, "")
    key_id, _, secret = out.strip().removeprefix("ak_").partition("_")
    assert len(secret) == 43
    row = fetch_row(database_url, "SELECT role, label, secret_hash FROM api_keys WHERE key_id = $1", key_id)
    assert (row["role"], row["label"]) == ("admin", "first")
    assert secret.encode() not in row["secret_hash"]


def test_a_key_made_here_is_in_the_audit_log_without_its_secret(alentour, database_url):
    _, out, _ = alentour("key", "create", "--label", "first")
    key_id, _, secret = out.strip().removeprefix("ak_").partition("_")
    entry = fetch_row(database_url, "SELECT *, a::text AS whole FROM audit_log a")
    assert (entry["role"], entry["key_id"], entry["operation"]) == ("command", None, "alentour key create")
    assert (entry["subject_kind"], entry["subject_id"], entry["retailer_id"]) == ("key", key_id, None)
    assert secret not in entry["whole"]


def test_a_key_that_was_not_made_is_not_audited(alentour, database_url):
    alentour("key", "create", "--role", "till", "--retailer", "404")
    assert fetch_row(database_url, "SELECT count(*) AS entries FROM audit_log")["entries"] == 0


def test_a_key_for_an_unknown_retailer_is_refused(alentour):
    code, out, err = alentour("key", "create", "--role", "till", "--retailer", "404")
    assert code == 1
    assert out == ""
    assert "no such retailer" in one_line(err)


def test_an_import_for_a_retailer_there_is_not_is_refused_before_reading(alentour):
    code, out, err = alentour("import", __file__, "--retailer", "nobody")
    assert (code, out) == (1, "")
    assert "--create-retailer" in one_line(err)


@pytest.mark.parametrize(("first", "second"), [("normal", "simulated"), ("simulated", "normal")])
def test_a_database_keeps_its_clock_mode(alentour, database_url, first, second):
    simulated_at = "alentour_now()" if first == "simulated" else "NULL"
    fetch_row(database_url, f"INSERT INTO clock (mode, simulated_at) VALUES ('{first}', {simulated_at})")
    code, _, err = alentour("serve", ALENTOUR_CLOCK=second, ALENTOUR_PORT=str(free_port()))
    assert code in {1, 2}
    assert first in one_line(err)


def test_a_taken_port_is_said_in_one_line(alentour, server):
    code, _, err = alentour("serve", ALENTOUR_PORT=str(server.port))
    assert code == 1
    assert "ALENTOUR_PORT" in one_line(err)
    assert server.is_ready()


def test_the_openapi_document_is_printed(alentour):
    code, out, err = alentour("openapi", ALENTOUR_DATABASE_URL="")
    assert (code, err) == (0, "")
    assert '"openapi"' in out
    assert "/v1/fixes" in out


def test_output_into_a_closed_pipe_is_no_traceback():
    done = subprocess.run(
        ["/bin/bash", "-c", f"{sys.executable} -m api.cli --help | true"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr


def fetch_row(url, statement, *values):
    async def fetch():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchrow(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_what_is_kept_of_somebody_erased_can_be_looked_up_with_the_key(alentour, database_url, tmp_path):
    environ = {"ALENTOUR_ERASURE_KEY_FILE": str(tmp_path / "erasure.key")}
    key = proof_key_of(Settings(erasure_key_file=tmp_path / "erasure.key"))
    code = new_code(bucket_of(ERASED))

    async def kept() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "INSERT INTO redemption_proofs VALUES ($1, $2, $3, $4, $5, 58, 7, NULL, 'till', '2026-07-01')",
            bucket_of(ERASED),
            key.proof("customer", ERASED),
            key.proof("redemption", uuid4()),
            key.proof("code", code),
            key.name,
        )
        await connection.close()

    asyncio.run(kept())
    for shown in (str(ERASED), f"{code[:4]}-{code[4:]}".lower()):
        code_, out, _ = alentour("prove", shown, **environ)
        assert (code_, json.loads(out)["redemptions"][0]["redeemed_on"]) == (0, "2026-07-01")
    code_, out, _ = alentour("prove", str(uuid4()), **environ)
    assert (code_, json.loads(out)) == (1, {"consents": [], "redemptions": [], "payments": []})
    code_, _, err = alentour("prove", "nobody", **environ)
    assert code_ == 2
    one_line(err)
