"""A store is what was prepared, or the run ends in one line before it trains on it."""

import json
import os
import re
import shutil

import pyarrow.parquet
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.opening import open_examined
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.datasets.media import intact
from fusemark.datasets.storage.features import FeatureStore

from .media.asked import bench
from .stores import CLIPS, KINDS, write


def plan(path):
    asked = {"methods": ["late-concat"], "datasets": [f"features:{path}"], "seeds": 1}
    return Planned(make_plan(asked), None)


def flip(path, at, keep_time=True):
    """Change one byte and nothing else: size, and time of modification, stay."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_changed_value_ends_the_plan_and_the_check(tmp_path):
    """clip03 has 5 of the steps 2 + 3 + 4 .. 2 + 3 + 4 + 5 of three float32."""
    write(tmp_path / "s")
    plan(tmp_path / "s")
    flip(tmp_path / "s" / "audio.values", at=(2 + 3 + 4 + 1) * 3 * 4)
    FeatureStore(tmp_path / "s")  # the files fit, nothing shows
    said = r"1 arrays are not those that were prepared: audio of 'clip03'\); run its `bench data"
    for call in (plan, intact.verify):
        with pytest.raises(UserError, match=said):
            call(tmp_path / "s")
    flip(tmp_path / "s" / "audio.values", at=(2 + 3 + 4 + 1) * 3 * 4)
    plan(tmp_path / "s")


def test_every_bit_of_every_array_is_looked_at(tmp_path):
    write(tmp_path / "s")
    for name, kind in KINDS.items():
        path = tmp_path / "s" / f"{name}.values"
        for at in (0, path.stat().st_size // 2, path.stat().st_size - kind.step, -1):
            place = at % path.stat().st_size
            flip(path, place)
            with pytest.raises(UserError, match=f"1 arrays .*: {name} of 'clip"):
                intact.verify(tmp_path / "s")
            flip(path, place)
    found = intact.verify(tmp_path / "s")
    audio = sum((2 + i) * 3 * 4 for i in range(CLIPS))
    visual = sum((1 + i % 3) * 48 for i in range(CLIPS))
    assert (found.clips, found.arrays, found.size) == (CLIPS, 2 * CLIPS, audio + visual)


def test_no_value_is_read_where_no_file_was_touched(tmp_path, monkeypatch):
    write(tmp_path / "s")

    def read(values):
        raise AssertionError

    monkeypatch.setattr(intact, "digest", read)
    plan(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "copy")
    with pytest.raises(UserError, match="AssertionError"):  # a copy is read in full
        plan(tmp_path / "copy")


def test_a_copy_is_the_same_store_and_is_sealed_by_the_check(tmp_path, capsys, monkeypatch):
    store = write(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "copy")
    assert plan(tmp_path / "copy").cells[0].fingerprint == plan(tmp_path / "s").cells[0].fingerprint
    bench("data", "check", tmp_path / "copy")
    said = capsys.readouterr().out
    assert "12 clips, 24 arrays, 0.0 MiB, all as they were prepared" in said
    assert store.fingerprint() in said
    kept = json.loads((tmp_path / "copy" / "seal.json").read_text())
    size, _ = kept.pop("audio")
    assert size == (tmp_path / "copy" / "audio.values").stat().st_size
    monkeypatch.setattr(intact, "verify", None)
    plan(tmp_path / "copy")
    monkeypatch.undo()
    flip(tmp_path / "copy" / "visual.values", at=0)
    bench("data", "check", tmp_path / "copy", code=2)
    assert "visual of 'clip00'" in capsys.readouterr().err


def rewritten(change):
    def spoil(path):
        file = path / "index.parquet"
        rows = pyarrow.parquet.read_table(file).to_pylist()
        change(rows)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)

    return spoil


def changed(**fields):
    def spoil(path):
        meta = json.loads((path / "store.json").read_text())
        (path / "store.json").write_text(json.dumps(meta | fields))

    return spoil


def text(content):
    return lambda path: (path / "store.json").write_text(content)


def kind(**fields):
    audio = {"dtype": "float32", "shape": [3], "rate": 62.5, "centre": 0.0, "scale": 1.0}
    return changed(modalities={"audio": audio | fields})


DAMAGE = {
    "other label": (rewritten(lambda rows: rows[0].update(label="b")), "not those that were prep"),
    "other speaker": (rewritten(lambda rows: rows[0].update(speaker="x")), "not those that were"),
    "two clips swapped": (
        rewritten(lambda rows: [rows[i].update(audio_start=rows[1 - i]["audio_start"],
                                               audio_length=rows[1 - i]["audio_length"])
                                for i in (0, 1)]),
        "2 arrays are not|1 arrays are not|fewer",
    ),
    "text for a place": (rewritten(lambda rows: [r.update(audio_start="a") for r in rows]), ""),
    "lists for a place": (rewritten(lambda rows: [r.update(audio_start=[1]) for r in rows]), ""),
    "numbers for ids": (rewritten(lambda rows: [r.update(id=1) for r in rows]), ""),
    "a clip without id": (rewritten(lambda rows: rows[3].update(id=None)), "not those"),
    "a clip without a place": (rewritten(lambda rows: rows[3].update(audio_start=None)), ""),
    "empty": (text(""), "store.json"),
    "list": (text("[]"), "it holds []; expected an object"),
    "object": (text("{}"), "format is missing; expected a whole number"),
    "number": (text("7"), "it holds 7; expected an object"),
    "half": (text('{"format": 1,'), "store.json"),
    "deep": (text("[" * 200_000), "it is nested too deep"),
    "deep settings": (text('{"settings": ' + '{"a": ' * 200_000), "it is nested too deep"),
    "no utf-8": (lambda path: (path / "store.json").write_bytes(b'"\xff"'), "store.json"),
    "format": (changed(format=2), "format 2, this version reads 1"),
    "format of text": (changed(format="1"), "format is '1'; expected a whole number"),
    "corpus": (changed(corpus=7), "corpus is 7; expected text"),
    "corpus of half a character": (changed(corpus="\ud800"), "'\\ud800' among its names"),
    "classes": (changed(classes="ab"), "classes is 'ab'; expected a list of text"),
    "class": (changed(classes=["a", 3]), "3 among its names; expected text"),
    "other classes": (changed(classes=["a", "b"]), "not those that were prepared"),
    "other rate": (kind(rate=50.0), "not those that were prepared"),
    "modalities": (changed(modalities=[]), "modalities is []; expected an object"),
    "no modality": (changed(modalities={}), "it names no modality"),
    "modality": (changed(modalities={"audio": 3}), "audio is 3; expected centre, dtype, rate"),
    "dtype": (kind(dtype=3), "audio is of type 3; expected float16, float32, uint8"),
    "dtype of a list": (kind(dtype=[]), "audio is of type []"),
    "shape": (kind(shape=3), "audio has shape 3; expected a list of positive numbers"),
    "shape 0": (kind(shape=[0]), "audio has shape [0]"),
    "no shape": (kind(shape=[]), "audio has shape []"),
    "shape of text": (kind(shape=["3"]), "audio has shape ['3']"),
    "huge shape": (kind(shape=[2**40, 2**40]), "audio has shape [1099511627776"),
    "rate 0": (kind(rate=0), "audio has rate 0; expected Hz over 0, or null"),
    "rate of text": (kind(rate="62.5"), "audio has rate '62.5'"),
    "rate nan": (kind(rate=float("nan")), "audio has rate nan"),
    "rate true": (kind(rate=True), "audio has rate True"),
    "scale 0": (kind(scale=0), "audio has scale 0; expected a number but 0"),
    "centre": (kind(centre="x"), "audio has centre 'x'; expected a number"),
    "content": (changed(content=None), "content is missing; expected text"),
    "other content": (changed(content="0" * 32), "store.json says '0000"),
    "long number": (text('{"format": ' + "9" * 5000 + "}"), "store.json"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_is_damaged_is_one_line(tmp_path, damage):
    write(tmp_path / "s")
    spoil, reason = DAMAGE[damage]
    spoil(tmp_path / "s")
    with pytest.raises(UserError) as error:
        open_examined(f"features:{tmp_path / 's'}", {}, None)
    mend = "(run its `bench data prepare` again|prepare it again with `bench data prepare`)"
    said = rf"feature store '[^\n]*s' is damaged [^\n]*; {mend}[^\n]*"
    assert re.fullmatch(said, str(error.value))
    assert any(part in str(error.value) for part in reason.split("|"))
    str(error.value).encode()


def test_a_dataset_that_is_made_of_another_examines_it(tmp_path):
    write(tmp_path / "s")
    open_examined(f"resampled:features:{tmp_path / 's'}", {}, None)
    flip(tmp_path / "s" / "audio.values", at=0)
    with pytest.raises(UserError, match="audio of 'clip00'"):
        open_examined(f"resampled:features:{tmp_path / 's'}", {}, None)
    with pytest.raises(UserError, match="audio of 'clip00'"):
        open_examined("features", {"path": str(tmp_path / "s")}, None)


def test_paths_that_hold_no_store_are_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, said in (
        ("file", "cannot be read (Not a directory); expected a folder"),
        ("empty", "holds no feature store; expected a folder that `bench data prepare` made"),
        ("none", "holds no feature store"),
        ("a" * 300, "cannot be read (File name too long)"),
    ):
        bench("data", "check", tmp_path / name, code=2)
        error = capsys.readouterr().err.strip()
        assert said in error
        assert "\n" not in error


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 200_000, "null"])
def test_a_damaged_seal_is_none(tmp_path, content):
    write(tmp_path / "s")
    (tmp_path / "s" / "seal.json").write_text(content)
    plan(tmp_path / "s")
    flip(tmp_path / "s" / "audio.values", at=0)
    with pytest.raises(UserError, match="audio of 'clip00'"):
        plan(tmp_path / "s")
