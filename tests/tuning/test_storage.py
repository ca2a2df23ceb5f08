"""Addresses of storages: read, shown without passwords, and refused in one line."""

import socket
import sqlite3
from contextlib import closing

import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.tuning.storage import kind, opened, shown, url_of

from .conftest import held


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("tuning.db", "expected sqlite:///FILE"),
        ("mysql://host/base", "expected sqlite:///FILE"),
        ("http://[", "expected sqlite:///FILE"),
        ("postgresql://me@host:abc/base", "expected sqlite:///FILE"),
        ("postgresql://me@host:99999/base", "expected sqlite:///FILE"),
        ("sqlite:///:memory:", "no file that processes share"),
        ("sqlite:///kept.db?mode=ro", "question mark"),
        ("sqlite:///", "names no file"),
        ("sqlite:////nowhere/at/all.db", "folder does not exist"),
        ("journal:////nowhere/at/all.log", "folder does not exist"),
    ],
)
def test_what_is_no_address_is_refused(asked, part, tmp_path):
    with pytest.raises(UserError, match=part) as caught:
        url_of(asked, tmp_path)
    assert "\n" not in str(caught.value)


def test_default_is_a_file_in_the_folder_of_the_results(tmp_path):
    assert url_of(None, tmp_path) == f"sqlite:///{tmp_path}/tuning.db"


@pytest.mark.parametrize("start", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_is_reached_with_the_driver_of_the_extra(start, tmp_path):
    url = url_of(f"{start}://me:secret@host:5/base", tmp_path)
    assert url == "postgresql+psycopg://me:secret@host:5/base"
    assert shown(url) == "postgresql://me:***@host:5/base"
    assert kind(url) == "a PostgreSQL server"


def test_a_server_that_does_not_answer_is_one_line_without_the_password(tmp_path):
    url = url_of(f"postgresql://me:secret@127.0.0.1:{free_port()}/base", tmp_path)
    with pytest.raises(UserError, match="cannot be used") as caught:
        opened(url)
    text = str(caught.value)
    assert "\n" not in text
    assert "secret" not in text
    assert "the same command goes on" in text


@pytest.mark.parametrize("start", ["sqlite", "journal"])
def test_a_file_of_another_kind_is_one_line(start, tmp_path, specs, step):
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes, and no trials.\n" * 100)
    (spec,) = specs(url=f"{start}:///{file}")
    with pytest.raises(UserError, match=r"notes\.txt") as caught:
        step(spec)
    assert "\n" not in str(caught.value)
    assert file.read_text().startswith("These are my notes")


@pytest.mark.parametrize(
    "content", [b"one line\n", b"one line", b"[1, 2]\n", b'{"op": 1}\n', b"7\n", b"\xff\xfe" * 99]
)
def test_a_file_that_begins_as_no_journal_is_refused_and_kept(content, tmp_path):
    file = tmp_path / "notes.log"
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a journal: it begins with"):
        opened(url_of(f"journal:///{file}", tmp_path))
    assert file.read_bytes() == content


def test_a_journal_whose_last_line_was_torn_goes_on(tmp_path, specs, step):
    file = tmp_path / "torn.log"
    (spec,) = specs(url=f"journal:///{file}", trials=2)
    step(spec)
    with file.open("ab") as journal:
        journal.write(b'{"op_code":8,"worker')
    opened.cache_clear()
    step(spec)
    opened.cache_clear()
    assert [t.state.name for t in held(spec)] == ["COMPLETE"] * 2


def test_a_folder_that_an_address_cannot_name_is_refused(tmp_path):
    with pytest.raises(UserError, match="question mark in its path"):
        url_of(None, tmp_path / "which?")
    assert url_of(f"journal:///{tmp_path}/which?", tmp_path) == f"journal:///{tmp_path}/which?"


@pytest.mark.parametrize("bad", [b'{"op_code":8,', b"\xff\xfe"])
def test_a_bad_line_within_a_journal_is_one_line(bad, tmp_path, specs, step):
    file = tmp_path / "kept.log"
    (spec,) = specs(url=f"journal:///{file}", trials=2)
    step(spec)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:-1], bad + lines[-1], *lines[-1:]]))
    opened.cache_clear()
    with pytest.raises(UserError, match=r"no JSON.*remove it") as caught:
        step(spec)
    assert "\n" not in str(caught.value)


def test_a_database_of_another_version_of_optuna_is_one_line(tmp_path):
    url = url_of(None, tmp_path)
    opened(url)
    opened.cache_clear()
    with closing(sqlite3.connect(tmp_path / "tuning.db")) as database:
        database.execute("update version_info set schema_version = 99")
        database.execute("update alembic_version set version_num = 'v99.0.0.a'")
        database.commit()
    with pytest.raises(UserError, match="another version of Optuna") as caught:
        opened(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("start", ["sqlite", "journal"])
def test_trials_outlive_the_process_that_ran_them(start, tmp_path, specs, step):
    (spec,) = specs(url=f"{start}:///{tmp_path}/kept", trials=2)
    step(spec)
    opened.cache_clear()
    assert [t.state.name for t in held(spec)] == ["COMPLETE"]
