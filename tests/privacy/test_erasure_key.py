"""The key of proofs: made once, the same for all, and never shown."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from api import key_files
from api.erasure_key import proof_key_of
from api.settings import Settings
from geo.errors import InvalidInput, Unavailable
from offers.people.proofs import ProofKey

ONE = uuid4()


def test_a_key_is_made_when_there_is_none_and_then_stays(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "new" / "data")
    first = proof_key_of(settings)
    assert proof_key_of(settings) == first
    file = tmp_path / "new" / "data" / "erasure.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert proof_key_of(Settings(data_dir=tmp_path)) != first


def test_the_default_is_beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_files, "default_data_dir", lambda: tmp_path)
    proof_key_of(Settings(database_url="postgresql://elsewhere/places"))
    assert (tmp_path / "erasure.key").is_file()


def test_workers_that_start_together_have_one_key(tmp_path: Path):
    settings = Settings(erasure_key_file=tmp_path / "shared.key")
    with ThreadPoolExecutor(16) as workers:
        names = set(workers.map(lambda _: proof_key_of(settings).name, range(64)))
    assert len(names) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["shared.key"]


def test_a_file_that_holds_no_key_is_refused_by_name(tmp_path: Path):
    file = tmp_path / "my.key"
    for content in ("", "abc", "zz" * 32, "00" * 31, "Å" * 64):
        file.write_text(content)
        with pytest.raises(InvalidInput, match=r"ALENTOUR_ERASURE_KEY_FILE .*my\.key must hold 64"):
            proof_key_of(Settings(erasure_key_file=file))


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="ALENTOUR_ERASURE_KEY_FILE"):
        proof_key_of(Settings(erasure_key_file=tmp_path / "file" / "erasure.key"))


def test_a_key_shows_its_name_and_not_itself():
    key = ProofKey(b"\x17" * 32)
    assert "17" * 4 not in repr(key)
    assert key.name in repr(key)
    assert key.name != ProofKey(b"\x18" * 32).name


def test_a_proof_depends_on_the_key_the_kind_and_the_value():
    key, other = ProofKey(b"\x17" * 32), ProofKey(b"\x18" * 32)
    proofs = {
        key.proof("customer", ONE),
        key.proof("consent", ONE),
        key.proof("customer", uuid4()),
        other.proof("customer", ONE),
    }
    assert len(proofs) == 4
    assert {len(proof) for proof in proofs} == {32}
    assert key.proof("customer", ONE) == key.proof("customer", str(ONE))
