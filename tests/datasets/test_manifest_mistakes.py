"""Every mistake in a manifest is one clear line, with the number of its row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fusemark.benchmark.contract import UserError
from safetensors.torch import save_file


def read(dataset):
    return list(dataset.examples(np.arange(len(dataset))))


def fails(call, *patterns):
    with pytest.raises(UserError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    for pattern in patterns:
        assert pattern in message, message
    return message


def save(name, array):
    return lambda f: f.save(name, array)


def spoiled(at, value):
    values = np.ones((7, 3))
    values[at] = value
    return values


def written(name, content):
    return lambda f: ((f.path / name).write_bytes(content), f.put(5, "audio", name))


def truncated(f):
    (f.path / "a3.npy").write_bytes((f.path / "a3.npy").read_bytes()[:-4])


def of_objects(f):
    np.savez(f.path / "x.npz", x=np.array([{"a": 1}], object))
    f.put(5, "audio", "x.npz")


def npz_of(*names):
    def change(f):
        np.savez(f.path / "x.npz", **{name: np.zeros((2, 3)) for name in names})
        f.put(5, "audio", "x.npz")

    return change


def safetensors_of(*names):
    def change(f):
        save_file({name: torch.zeros(2, 3) for name in names}, f.path / "x.safetensors")
        f.put(5, "audio", "x.safetensors")

    return change


def parquet_of(**columns):
    def change(f):
        pd.DataFrame(columns).to_parquet(f.path / "x.parquet")
        f.put(5, "audio", "x.parquet")

    return change


FILES = {
    "missing": (lambda f: (f.path / "a3.npy").unlink(), "does not exist"),
    "folder": (lambda f: ((f.path / "d.npy").mkdir(), f.put(5, "audio", "d.npy")), "is a folder"),
    "suffix": (lambda f: f.put(5, "audio", "a3.wav"), "'.wav'; expected .npy, .npz, .safetensors"),
    "no suffix": (lambda f: f.put(5, "audio", "a3"), "''; expected .npy"),
    "nan": (save("a3.npy", spoiled((4, 1), np.nan)), "in 1 of its 7 steps (the first in step 5)"),
    "infinite": (save("a3.npy", spoiled((0, 1), -np.inf)), "NaN or infinite"),
    "too great": (save("a3.npy", np.full((7, 3), 1e39)), "NaN or infinite"),
    "zero length": (save("a3.npy", np.zeros((0, 3))), "zero length, shape (0, 3)"),
    "zero width": (save("a3.npy", np.zeros((3, 0))), "zero length, shape (3, 0)"),
    "empty vector": (save("a3.npy", np.zeros(0)), "zero length, shape (0,)"),
    "width": (save("a3.npy", np.ones((7, 4))), "steps of shape (4,), row 2 of (3,)"),
    "frames": (save("a3.npy", np.ones((7, 3, 2, 2))), "steps of shape (3, 2, 2), row 2 of (3,)"),
    "number": (save("a3.npy", np.float32(3)), "shape (); expected (T, D), (D,) or (T, C, H, W)"),
    "three axes": (save("a3.npy", np.ones((7, 3, 2))), "shape (7, 3, 2); expected (T, D)"),
    "objects": (save("a3.npy", np.array([{"a": 1}, None])), "Python objects, which are never"),
    "objects in npz": (of_objects, "Python objects, which are never unpickled"),
    "text": (save("a3.npy", np.array(["x", "y"])), "values of type <U1"),
    "complex": (save("a3.npy", np.ones((2, 3), complex)), "values of type complex128"),
    "fields": (save("a3.npy", np.zeros(2, [("x", "f4")])), "values of type"),
    "empty npy": (written("x.npy", b""), "cannot be read as .npy"),
    "pickle": (written("x.npy", b"\x80\x04N."), "cannot be read as .npy"),
    "pointer": (written("x.npz", b"version https://git-lfs.github.com/spec/v1\n"), "as .npz"),
    "truncated": (truncated, "cannot be read as .npy"),
    "two arrays": (npz_of("p", "q"), "holds 2 arrays (p.npy, q.npy)"),
    "no array": (npz_of(), "holds 0 arrays"),
    "two tensors": (safetensors_of("p", "q"), "holds 2 arrays (p, q)"),
    "bad safetensors": (written("x.safetensors", b"\xff" * 20), "as .safetensors"),
    "bad parquet": (written("x.parquet", b"PAR1"), "as .parquet"),
    "text column": (parquet_of(x=[1.0], y=["a"], z=[1.0]), "a column 'y' of type"),
    "empty cell": (parquet_of(x=[1.0, None], y=[1, 2], z=[1, 2]), "step 2"),
    "no row": (parquet_of(x=np.zeros(0), y=np.zeros(0), z=np.zeros(0)), "zero length"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), FILES.values(), ids=list(FILES))
def test_bad_file_is_named_with_its_row(folder, change, reason):
    change(folder)
    name = folder.rows[3][3]
    fails(folder.build, reason, f"row 5: audio file '{name}'", "data.csv", "; ")


@pytest.mark.parametrize("path", ["a" * 300 + ".npy", "a/" * 3000 + "x.npy"])
def test_a_path_that_is_too_long_is_shortened_and_named_with_its_row(folder, path):
    folder.put(5, "audio", path)
    said = fails(folder.build, "row 5: audio file '...", "is no path (File name too long)")
    assert len(said) < 400
    fails(lambda: folder.open(path), "is no path (File name too long); expected the path of a CSV")


def test_unpickling_never_happens(folder):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (folder.path / "exploded",))

    folder.save("a3.npy", np.array([Bomb()], object))
    fails(folder.build, "row 5: audio file 'a3.npy' holds Python objects")
    assert not (folder.path / "exploded").exists()


def test_a_file_spoiled_after_planning_is_named(folder):
    dataset = folder.build()
    folder.save("a3.npy", np.full((7, 3), np.nan))
    fails(lambda: read(dataset), "row 5: audio file 'a3.npy' holds NaN")


CELLS = {
    "id twice": ((7, "id", "clip0"), "row 7: id 'clip0' stands in row 2 too"),
    "no id": ((7, "id", ""), "row 7: the id is empty"),
    "no label": ((7, "label", " "), "row 7: the label is empty"),
    "no speaker": ((7, "speaker", ""), "row 7: the speaker is empty"),
    "split": ((7, "split", "validation"), "row 7: split 'validation' is unknown"),
    "split near": ((7, "split", "tests"), "did you mean 'test'?"),
    "no split": ((7, "split", ""), "row 7: split '' is unknown; Expected train, valid or test"),
}


@pytest.mark.parametrize(("cell", "reason"), CELLS.values(), ids=list(CELLS))
def test_bad_cell_is_named_with_its_row(folder, cell, reason):
    folder.add("split", ["train"] * 8 + ["test"] * 4)
    folder.put(*cell)
    fails(folder.build, reason)


def test_row_without_any_modality(folder):
    folder.put(4, "audio", "")
    folder.put(4, "visual", "")
    fails(folder.build, "row 4: no modality has a path")


def test_modality_without_any_path(folder):
    folder.add("text", [""] * 12)
    fails(folder.build, "column 'text' has no path in any row")


@pytest.mark.parametrize("name", ["id", "label", "speaker"])
def test_missing_column(folder, name):
    folder.header[folder.header.index(name)] = name.title()
    fails(folder.build, f"no column {name!r}", f"The header has {folder.header[0]!r}")


def test_no_modality_column(folder):
    folder.drop("audio")
    folder.drop("visual")
    fails(folder.build, "no modality column")


def test_columns_named_twice_or_not_at_all(folder):
    folder.header[4] = "audio"
    fails(folder.build, "two columns are named 'audio'")
    folder.header[4] = ""
    fails(folder.build, "column 5 has no name")


def test_row_of_another_length(folder):
    folder.rows[3] = folder.rows[3][:-1]
    fails(folder.build, "row 5 has 4 cells, the header 5")


def test_rows_are_counted_as_in_a_spreadsheet(folder):
    folder.put(2, "id", "two\nlines")
    folder.rows.insert(2, [])
    folder.rows[4][3] = "nowhere.npy"
    fails(folder.build, "row 6: audio file 'nowhere.npy' does not exist")


def test_labels_and_classes(folder):
    fails(lambda: folder.build(classes="happy,mad"), "row 3: label 'sad'", "classes 'happy', 'mad'")
    fails(lambda: folder.build(classes="happy,sad,mad"), "class 'mad'", "has no row")
    fails(lambda: folder.build(classes="happy,sad,sad"), "each once")
    fails(lambda: folder.build(kind="regression"), "row 2: label 'happy' is not a finite number")
    fails(lambda: folder.build(kind="regression", classes="a,b"), "leave one of them out")
    for row in range(2, 14):
        folder.put(row, "label", "happy")
    fails(folder.build, "the classes are ('happy',); expected two or more")


@pytest.mark.parametrize("label", ["nan", "inf", "1e39", "1,5"])
def test_label_of_a_regression(folder, label):
    for row in range(2, 14):
        folder.put(row, "label", str(row))
    folder.put(9, "label", label)
    fails(lambda: folder.build(kind="regression"), f"row 9: label {label!r} is not a finite")


def test_rates(folder):
    fails(lambda: folder.build(rates="50"), "1 for 2 modalities (audio, visual)")
    fails(lambda: folder.build(rates="50,-1"), "expected Hz, or 0")
    fails(lambda: folder.build(rates="50,nan"), "expected Hz, or 0")


def test_parts_that_are_missing(folder):
    folder.add("split", ["train"] * 12)
    fails(folder.build, "no row has split 'test'")
    for row in range(2, 14):
        folder.put(row, "split", "test")
    fails(folder.build, "no row has split 'train'")
    folder.put(2, "split", "train")
    fails(folder.build, "1 training speakers (no row is 'valid'); expected 2 or more")


def test_too_few_speakers(folder):
    for row in range(2, 14):
        folder.put(row, "speaker", f"s{row % 2}")
    fails(folder.build, "2 speakers; expected 3 or more")


FILES_THAT_ARE_NO_CSV = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n,,\n", "is empty"),
    "header alone": (b"id,label,speaker,audio\n", "has a header and no row"),
    "semicolons": (b"id;label;speaker;audio\nx;y;z;a.npy\n", "separated by commas"),
    "latin-1": (b"id,label,speaker,audio\n\xe4,b,c,a.npy\n", "0xe4 at 23); save it as CSV UTF-8"),
    "utf-16": ("id,label,speaker,audio\n".encode("utf-16"), "not in UTF-8"),
    "long cell": (b"id,label\n" + b"x" * 200_000 + b",y\n", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"), FILES_THAT_ARE_NO_CSV.values(), ids=list(FILES_THAT_ARE_NO_CSV)
)
def test_file_that_is_no_csv(folder, tmp_path, content, reason):
    (tmp_path / "data.csv").write_bytes(content)
    fails(lambda: folder.open(tmp_path / "data.csv"), reason, "data.csv")


def test_path_that_is_no_csv(folder, tmp_path):
    fails(lambda: folder.open(tmp_path), "is a folder; expected the path of a CSV file")
    fails(lambda: folder.open(tmp_path / "no.csv"), "no.csv' does not exist")
    fails(lambda: folder.open(""), "manifest:path/to/file.csv")
