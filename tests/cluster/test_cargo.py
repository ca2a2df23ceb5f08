"""What travels to the nodes arrives as it was; needs no Ray."""

import stat
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cell import open_dataset
from fusemark.benchmark.cluster import cargo
from fusemark.benchmark.digest import code_digest
from fusemark.benchmark.registry import datasets, load_plugin

from .conftest import LOST, TOY, planned


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Let what lands land in a folder of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def shifted(tmp_path, monkeypatch):
    """The toy whose values are shifted by a file, and an attribute that maps a file."""
    planned()
    (tmp_path / "toy.txt").write_text("0.25")
    monkeypatch.setenv("TOY_FILE", str(tmp_path / "toy.txt"))
    dataset = open_dataset("toy-file", {}, None)
    dataset.map = np.memmap(tmp_path / "map", np.float32, "w+", shape=(1000, 1000))
    return dataset


def test_a_dataset_arrives_with_every_example_and_without_its_files(shifted, monkeypatch):
    packed = cargo.Packed.of(shifted, "toy-file", "code")
    assert len(packed.pickled) < 100_000, "the mapped file travels too"
    freight = cargo.Freight((), packed.land(), packed.name)
    positions = np.array([7, 3, 0, 119, 14])
    expected = list(shifted.examples(positions))
    assert expected[0]["visual"] is None
    monkeypatch.delenv("TOY_FILE")
    monkeypatch.setitem(datasets._entries, "toy-file", datasets["toy-file"])
    freight.unload()
    arrived = open_dataset("toy-file", {"examples": "120"}, None)
    assert (arrived.ids, arrived.groups) == (shifted.ids, shifted.groups)
    splits = [d.split(np.random.default_rng(3), 0).train for d in (arrived, shifted)]
    assert splits[0].tolist() == splits[1].tolist()
    for example, other in zip(arrived.examples(positions), expected, strict=True):
        assert list(example) == list(other)
        for name, values in other.items():
            if values is None:
                assert example[name] is None
            else:
                assert example[name].dtype == values.dtype == np.float32
                assert example[name].tobytes() == values.tobytes()


def test_a_dataset_that_cannot_be_pickled_is_refused(shifted):
    shifted.hook = lambda: None
    with pytest.raises(UserError, match=r"'toy-file' cannot be sent .*leave out --ship-data"):
        cargo.Packed.of(shifted, "toy-file", "code")


def test_a_plugin_lands_under_its_module_with_its_digest(monkeypatch):
    module = load_plugin(TOY)
    path, name = cargo.Plugin.of(str(TOY)).land()
    assert name == module
    assert Path(path) != TOY
    assert Path(path).read_bytes() == TOY.read_bytes()
    before = code_digest([module])
    monkeypatch.setattr(sys.modules[module], "__file__", path)
    assert code_digest([module]) == before
    assert cargo.Plugin.of(str(TOY)).land() == (path, name)


def test_what_lands_is_this_users_alone_and_whole(tmp_path):
    def broken(folder):
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        cargo.landed("key", broken)
    assert not list(cargo.harbour().iterdir())
    assert stat.S_IMODE(cargo.harbour().stat().st_mode) == 0o700
    cargo.harbour().chmod(0o777)
    with pytest.raises(UserError, match="can be written by others"):
        cargo.landed("key", lambda _: None)


def test_paths_are_made_absolute_and_files_are_known(tmp_path, monkeypatch):
    load_plugin(LOST)
    monkeypatch.chdir(tmp_path)
    assert cargo.absolute("manifest:a.csv") == f"manifest:{tmp_path / 'a.csv'}"
    assert cargo.absolute("resampled:manifest:a.csv") == f"resampled:manifest:{tmp_path / 'a.csv'}"
    assert cargo.absolute("simulated:synergy") == "simulated:synergy"
    assert cargo.absolute("resampled:utd-mhad") == "resampled:utd-mhad"
    files = {"manifest:a.csv", "resampled:manifest:a.csv", "utd-mhad", "resampled:utd-mhad"}
    for source in (*files, "simulated:synergy", "resampled:simulated:lag", "toy"):
        assert cargo.reads_files(source) == (source in files), source
