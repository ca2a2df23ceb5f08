"""Addresses of storages: read, shown without passwords, and refused in one line."""

import socket

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


@pytest.mark.parametrize("start", ["sqlite", "journal"])
def test_trials_outlive_the_process_that_ran_them(start, tmp_path, specs, step):
    (spec,) = specs(url=f"{start}:///{tmp_path}/kept", trials=2)
    step(spec)
    opened.cache_clear()
    assert [t.state.name for t in held(spec)] == ["COMPLETE"]
