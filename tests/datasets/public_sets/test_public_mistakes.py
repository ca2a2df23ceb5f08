"""Every mistake in a published set, its files or its settings is one line."""

import math
import sys

import h5py
import numpy as np
import pytest
from fusemark.benchmark.contract import UserError

from .layouts import SIZES


def spoil(part, key, value):
    def change(content):
        if value is None:
            del content[part][key]
        else:
            content[part][key] = value

    return change


MISTAKES = {
    "missing part": (lambda c: c.pop("valid"), "has no part 'valid' (it has train, test)"),
    "part is a list": (lambda c: c.update(test=[1]), "has no part 'test'"),
    "no labels": (spoil("test", "regression_labels", None), "no 'labels' in 'train'"),
    "labels of text": (spoil("test", "regression_labels", ["a"] * 8), "labels of 'test'"),
    "label nan": (spoil("test", "regression_labels", [math.nan] + [0.0] * 7), "not finite"),
    "label too great": (spoil("test", "regression_labels", [4.0] + [0.0] * 7), None),
    "rows": (spoil("test", "regression_labels", [1.0] * 7), "8 rows in text of 'test' for 7"),
    "no example": (spoil("test", "regression_labels", []), "no example in 'test'"),
    "huge label": (spoil("test", "regression_labels", [2**2000] * 8), "do not fit a number"),
    "ids": (spoil("test", "id", ["a"] * 7), "7 rows in id of 'test' for 8 labels"),
    "one id": (spoil("test", "id", np.array(3)), "id of 'test' of type int64 and shape ()"),
    "empty ids": (spoil("test", "id", np.zeros((8, 0))), "id of 'test' without any text"),
    "ids of lists": (spoil("test", "id", [[["a"]]] * 8), "id of 'test' of type list"),
    "two axes": (spoil("test", "audio", np.ones((8, 5))), "shape (8, 5); expected (N, T, D)"),
    "a list": (spoil("test", "audio", [1.0] * 8), "audio of 'test' of type list"),
    "objects": (spoil("test", "audio", np.full((8, 2, 5), None)), "of type object"),
    "width": (spoil("test", "audio", np.ones((8, 25, 6))), "audio (6,)"),
    "no modality there": (spoil("test", "audio", None), "expected the same"),
    "mask": (spoil("test", "text_bert", np.ones((8, 3, 9))), "text_bert of shape (8, 3, 9)"),
    "lengths of pairs": (
        spoil("test", "audio_lengths", np.ones((8, 2))),
        "audio_lengths of 'test' of shape (8, 2); expected (8,)",
    ),
    "half a character": (spoil("test", "id", ["\ud800"] * 8), "id of 'test' that are no text"),
    "no character": (
        spoil("test", "id", np.full(8, 0x7FFFFFFF, np.uint32).view("U1")),
        "id of 'test' that are no text",
    ),
    "half a character in a name": (
        lambda c: (c.update({"\udcff": c.pop("valid")})), "(it has train, test, \\udcff)"
    ),
    "only zeros": (
        lambda c: [part.update(audio=part["audio"] * 0) for part in c.values()],
        "nothing but zeros in audio",
    ),
    "not a dictionary": (None, "holds a list"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_in_a_pickle_is_one_line(sets, change, reason):
    if change is None:
        path = sets.pickled("x.pkl", [1, 2], lambda content: None, 4)
    else:
        with np.errstate(invalid="ignore"):
            path = sets.mmsa(change=change)
    if reason is None:  # a label beyond 3 is a number of another kind, unless it is said to be one
        assert sets.open(path).task.outputs == ("label",)
        with pytest.raises(UserError, match=r"label of 4, beyond \[-3, 3\]"):
            sets.open(path, scale="3")
        return
    with pytest.raises(UserError) as error:
        sets.open(path)
    message = str(error.value)
    assert message.startswith(f"public set '{path}'")
    assert reason in message
    assert "\n" not in message


SETTINGS = {
    "emotion of sentiment": ({"task": "happy"}, "no labels for task='happy'; it allows regression"),
    "modality": ({"modalities": "smell"}, "no modality 'smell'; it has text, audio, visual"),
    "labels of a modality": ({"labels": "T"}, "no 'regression_labels_T' in 'train'"),
    "task": ({"task": "nine"}, "'nine' is not one of"),
    "scale": ({"scale": "1"}, "beyond [-1, 1]"),
}


@pytest.mark.parametrize(("settings", "reason"), SETTINGS.values(), ids=list(SETTINGS))
def test_mistake_in_a_setting_is_one_line(sets, settings, reason):
    with pytest.raises(UserError) as error:
        sets.open(sets.mmsa(), **settings)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_seven_classes_of_sims_are_refused(sets):
    with pytest.raises(UserError, match="no labels for task='seven'"):
        sets.open(sets.mmsa(sims=True), task="seven")


def linked(folder):
    with h5py.File(folder / "y_test.h5", "w") as file:
        file["d1"] = h5py.ExternalLink("y_train.h5", "/d1")


def stored_outside(folder):
    with h5py.File(folder / "y_test.h5", "w") as file:
        outside = [(str(folder / "y_train.h5"), 0, 64)]
        file.create_dataset("d1", (8, 1), "f8", external=outside)


def virtual(folder):
    layout = h5py.VirtualLayout((8, 1), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "y_valid.h5"), "d1", (8, 1))
    with h5py.File(folder / "y_test.h5", "w") as file:
        file.create_virtual_dataset("d1", layout)


def bomb(folder):
    with h5py.File(folder / "audio_test.h5", "w") as file:
        file.create_dataset("d1", (8, 10**9, 5), "f4", chunks=(1, 1000, 5), compression="gzip")


def other(name, key, values):
    def change(folder):
        with h5py.File(folder / name, "w") as file:
            file.create_dataset(key, data=values)

    return change


def without_shape(folder):
    with h5py.File(folder / "y_test.h5", "w") as file:
        file.create_dataset("d1", data=h5py.Empty("f4"))


def named_in_bytes(folder):
    with h5py.File(folder / "y_test.h5", "w") as file:
        file.create_dataset(b"\xff\xfe", data=np.ones(8))


def cut_off(folder):
    (folder / "audio_test.h5").write_bytes((folder / "audio_test.h5").read_bytes()[:-100])


HDF5 = {
    "missing file": (lambda f: (f / "audio_valid.h5").unlink(), "has no file audio_valid.h5"),
    "half a modality": (
        lambda f: (f / "text_train_emb.h5").unlink(), "has no file text_train_emb.h5; fetch it"
    ),
    "no labels": (lambda f: (f / "y_train.h5").unlink(), "holds no y_train.h5"),
    "no features": (lambda f: [x.unlink() for x in f.glob("[atv]*")], "labels and no features"),
    "truncated": (cut_off, "cannot be read: audio_test.h5"),
    "no hdf5": (lambda f: (f / "y_test.h5").write_text("<html>"), "cannot be read: y_test.h5"),
    "empty": (lambda f: (f / "y_test.h5").write_bytes(b""), "cannot be read: y_test.h5"),
    "external link": (linked, "a link in place of the array 'd1'; links are refused"),
    "stored outside": (stored_outside, "expected numbers that are all in the file"),
    "virtual": (virtual, "expected numbers that are all in the file"),
    "bomb": (bomb, "expected numbers that are all in the file"),
    "key": (other("y_test.h5", "labels", np.ones(8)), "no array 'd1' or 'data' in y_test.h5"),
    "null dataspace": (without_shape, "an array without shape in y_test.h5; fetch it again"),
    "names of bytes": (named_in_bytes, "no array 'd1' or 'data' in y_test.h5 (it has b'"),
    "labels of nothing": (
        other("y_test.h5", "d1", np.ones((8, 0))), "labels of shape (8, 0) in y_test.h5"
    ),
    "no rows": (other("y_test.h5", "d1", np.ones((0, 1))), "labels of shape (0, 1) in y_test.h5"),
    "text": (other("y_test.h5", "d1", b"text"), "array of type object"),
    "rows": (other("y_test.h5", "d1", np.ones((7, 1))), "8 rows in text_test_emb.h5 for 7 labels"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), HDF5.values(), ids=list(HDF5))
def test_mistake_in_hdf5_is_one_line(sets, change, reason):
    folder = sets.mfn()
    change(folder)
    with pytest.raises(UserError) as error:
        sets.open(folder)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    str(error.value).encode()


def test_wrong_path_is_one_line(sets, tmp_path):
    with pytest.raises(UserError, match="does not exist; expected a pickle, or a folder"):
        sets.open(tmp_path / "none.pkl")
    for path in ("a" * 300, "x\0y"):
        with pytest.raises(UserError, match="is no path "):
            sets.open(path)
    with pytest.raises(UserError, match=r"holds no y_train\.h5"):
        sets.open(tmp_path)
    with pytest.raises(UserError, match="give the folder that it is in"):
        sets.open(sets.mfn() / "y_train.h5")
    with pytest.raises(UserError, match="widths=300,5,20 are 325"):
        sets.open(sets.mfn(joined=True))


def test_hdf5_without_h5py_says_how_to_install_it(sets, monkeypatch):
    folder = sets.mfn()
    pickled = sets.mmsa()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"needs h5py to be read; .*fusemark\[public\]"):
        sets.open(folder)
    assert len(sets.open(pickled)) == sum(SIZES.values())
