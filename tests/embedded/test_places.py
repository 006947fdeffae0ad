"""Where data and socket go, and which programs run: decided without starting anything."""

import os
import subprocess
from pathlib import Path

import pytest

from api.embedded import binaries, places
from api.embedded.places import Account, Places
from geo.errors import Unavailable

OTHER = Account("other", 12345, 12345)
SELF = Account("self", os.geteuid(), os.getegid())


def test_a_checkout_has_a_folder_of_its_own_under_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = places.default_data_dir()
    assert folder.parent == tmp_path / ".local" / "share" / "alentour"
    assert folder.name != "installed"


def test_an_empty_home_still_has_a_place_that_lasts(monkeypatch):
    monkeypatch.setenv("HOME", "")
    assert places.default_data_dir().is_absolute()


def test_a_folder_that_the_account_cannot_reach_is_moved(tmp_path):
    tmp_path.chmod(0o700)
    moved = places.places_for(tmp_path / "data", OTHER)
    assert moved.root.is_relative_to("/var/lib/alentour")
    assert moved.root != places.places_for(tmp_path / "more" / "data", OTHER).root


def test_a_folder_of_ones_own_is_never_moved(tmp_path):
    assert places.places_for(tmp_path / "data", SELF).root == tmp_path / "data"


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path):
    place = Places(tmp_path, SELF)
    place.socket.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(Unavailable, match="belongs to another user"):
        place.prepare()


def fake_server(folder: Path, major: int, *, has_postgis: bool) -> None:
    for name in ("initdb", "psql"):
        (folder / name).touch()
    postgres = folder / "postgres"
    postgres.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.4'\n")
    postgres.chmod(0o755)
    extension = folder.parent / "share" / "extension"
    extension.mkdir(parents=True)
    if has_postgis:
        (extension / "postgis.control").touch()


@pytest.fixture
def servers(tmp_path, monkeypatch):
    """Pretend that exactly these servers are installed: {folder name: (major, has PostGIS)}."""

    def install(**wanted):
        for name, (major, has_postgis) in wanted.items():
            folder = tmp_path / name / "bin"
            folder.mkdir(parents=True)
            fake_server(folder, major, has_postgis=has_postgis)
        monkeypatch.setattr(binaries, "_folders", lambda: iter(tmp_path.glob("*/bin")))

    return install


def test_the_newest_server_with_postgis_is_used(servers):
    servers(old=(915, True), new=(916, True), newest=(917, False))
    assert binaries.find_binaries().major == 916


def test_a_data_folder_gets_the_server_that_made_it(servers):
    servers(old=(915, True), new=(916, True))
    assert binaries.find_binaries(915).major == 915


@pytest.mark.parametrize(
    ("installed", "major", "said"),
    [
        ({}, None, "apt-get install postgresql postgresql-postgis"),
        ({"new": (916, False)}, None, "apt-get install postgresql-916-postgis-3"),
        ({"new": (916, True)}, 915, "apt-get install postgresql-915 postgresql-915-postgis-3"),
        ({"old": (9, True)}, None, "apt-get install postgresql postgresql-postgis"),
    ],
)
def test_what_is_missing_is_named_with_its_packages(servers, installed, major, said):
    servers(**installed)
    with pytest.raises(Unavailable) as caught:
        binaries.find_binaries(major)
    assert said in caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_client_without_a_server_is_not_taken_for_one(tmp_path, monkeypatch):
    (tmp_path / "psql").touch()
    monkeypatch.setattr(binaries, "_folders", lambda: iter([tmp_path]))
    with pytest.raises(Unavailable):
        binaries.find_binaries()


def test_the_machines_own_server_is_found():
    found = binaries.find_binaries()
    version = subprocess.run([found.program("postgres"), "-V"], capture_output=True, text=True, check=True)
    assert f" {found.major}." in version.stdout
