"""Published sets: every example is the one that was put into the file, without its padding."""

import math
import sys

import h5py
import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.sentiment import RANGES
from fusemark.datasets.public import video
from fusemark.datasets.public_sets.targets import SENTIMENT as NAMES

from .layouts import SENTIMENT, SIZES, padded

ORDER = ("text", "audio", "visual")


def every(dataset):
    return list(dataset.examples(np.arange(len(dataset))))


def check_values(dataset, sets):
    """Compare with what went into the file; what is not finite must have become 0."""
    truth = [example for part in SIZES for example in sets.truth[part]]
    assert len(dataset) == len(truth)
    for found, expected in zip(every(dataset), truth, strict=True):
        assert list(found) == list(dataset.task.names)
        for name in found:
            repaired = np.where(np.isfinite(expected[name]), expected[name], 0)
            assert found[name].dtype == np.float32
            np.testing.assert_array_equal(found[name], repaired)


def check_parts(dataset):
    split = dataset.split(np.random.default_rng(0), 0)
    split.check(dataset)
    assert [len(part) for part in (split.train, split.valid, split.test)] == list(SIZES.values())
    np.testing.assert_array_equal(np.concatenate([split.train, split.valid, split.test]),
                                  np.arange(len(dataset)))  # fmt: skip


LABELS = np.concatenate([np.resize(SENTIMENT, size) for size in SIZES.values()])[:, None]


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("aligned", [False, True])
def test_mmsa(sets, aligned, protocol):
    dataset = sets.open(sets.mmsa(aligned=aligned, protocol=protocol))
    check_values(dataset, sets)
    check_parts(dataset)
    assert dataset.task.names == ORDER
    assert dataset.task.outputs == ("sentiment",)
    np.testing.assert_array_equal(dataset.labels, LABELS.astype(np.float32))
    assert dataset.ids[:2] == ["train0$_$0", "train0$_$1"]
    assert dataset.groups[:4] == ["train0", "train0", "train0", "train1"]
    assert not dataset.leaks
    assert "6 numbers of audio that are not finite set to 0" in dataset.protocol  # 2 in each part
    longest = {name: modality.max_length for name, modality in dataset.task.modalities.items()}
    assert longest == (
        dict.fromkeys(ORDER, 6) if aligned else {"text": 6, "audio": 20, "visual": 7}
    )


def test_sims_is_in_unit_range_and_has_labels_of_each_modality(sets):
    path = sets.mmsa(sims=True)
    whole = sets.open(path)
    assert whole.task.outputs == ("sentiment in [-1, 1]",)
    np.testing.assert_allclose(whole.labels, LABELS / 3, rtol=1e-6)
    rolled = np.concatenate([np.roll(np.resize(SENTIMENT, n), 2) for n in SIZES.values()])
    np.testing.assert_allclose(sets.open(path, labels="A").labels[:, 0], rolled / 3, rtol=1e-6)


@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_mult(sets, front, protocol):
    dataset = sets.open(sets.mult(front=front, protocol=protocol))
    check_values(dataset, sets)
    check_parts(dataset)
    np.testing.assert_array_equal(dataset.labels, LABELS.astype(np.float32))
    assert dataset.ids[1] == "train_-vide_1[1.25,2.5]"
    assert dataset.groups[1] == "train_-vide"


def test_iemocap_has_four_emotions_and_says_that_speakers_are_unknown(sets):
    path = sets.mult(iemocap=True)
    dataset = sets.open(path)
    expected = np.concatenate([np.arange(n) % 4 for n in SIZES.values()])
    assert dataset.task.outputs == ("neutral", "happy", "sad", "angry")
    np.testing.assert_array_equal(dataset.labels, expected)
    assert set(dataset.groups) == {"unknown"}
    assert not dataset.leaks
    assert "nobody can tell whether speakers leak" in dataset.protocol
    sad = sets.open(path, task="sad")
    assert sad.task.outputs == ("not sad", "sad")
    np.testing.assert_array_equal(sad.labels, expected == 2)


def test_examples_with_two_emotions_are_left_out_of_four_classes_and_counted(sets):
    def both(content):
        content["valid"]["labels"][1] = [[0, 1], [1, 0], [0, 1], [1, 0]]

    dataset = sets.open(sets.mult(iemocap=True, change=both))
    assert len(dataset) == sum(SIZES.values()) - 1
    assert "1 examples with no or several emotions left out" in dataset.protocol
    assert "valid-2" not in dataset.ids


@pytest.mark.parametrize("joined", [True, False])
def test_mfn(sets, joined):
    dataset = sets.open(sets.mfn(joined=joined), widths="6,5,4")
    check_values(dataset, sets)
    check_parts(dataset)
    np.testing.assert_array_equal(dataset.labels, LABELS.astype(np.float32))
    assert dataset.ids[0] == "train-1"


def test_mfn_one_hot_labels_are_three_classes(sets):
    path = sets.mfn(labels=lambda n: np.eye(3)[np.arange(n) % 3])
    dataset = sets.open(path)
    assert dataset.task.outputs == ("negative", "neutral", "positive")
    np.testing.assert_array_equal(
        dataset.labels, np.concatenate([np.arange(n) % 3 for n in SIZES.values()])
    )


def test_mfn_other_numbers_are_a_plain_regression(sets):
    """POM has 16 traits from 1 to 7, MMMO one such number: no sentiment in [-3, 3]."""
    traits = sets.open(sets.mfn(labels=lambda n: np.arange(n * 16).reshape(n, 16) % 7 + 1.0))
    assert traits.task.outputs == tuple(f"label {k}" for k in range(1, 17))
    assert traits.labels.shape == (sum(SIZES.values()), 16)
    single = sets.open(sets.mfn(labels=lambda n: np.arange(n) % 7 + 1.0))
    assert single.task.outputs == ("label",)


CLASSES = {
    "negative-nonnegative": (("negative", "non-negative"), [0, 0, 0, 1, 1, 1, 1, 1]),
    "negative-positive": (("negative", "positive"), [0, 0, 0, 1, 1, 1, 1]),
    "three": (("negative", "neutral", "positive"), [0, 0, 0, 1, 2, 2, 2, 2]),
    "seven": (("-3", "-2", "-1", "0", "+1", "+2", "+3"), [0, 1, 3, 3, 4, 4, 5, 6]),
}


@pytest.mark.parametrize("task", CLASSES)
def test_classes_of_sentiment(sets, task):
    dataset = sets.open(sets.mmsa(), task=task)
    outputs, expected = CLASSES[task]
    assert dataset.task.outputs == outputs
    test = dataset.split(np.random.default_rng(0), 0).test  # the eight labels of SENTIMENT
    np.testing.assert_array_equal(dataset.labels[test], expected)


def test_three_classes_are_the_file_s_own(sets):
    kept = []
    path = sets.mmsa(change=lambda c: kept.extend(c[p]["classification_labels"] for p in SIZES))
    np.testing.assert_array_equal(sets.open(path, task="three").labels, np.concatenate(kept))


def test_examples_of_sentiment_0_are_left_out_and_counted(sets):
    dataset = sets.open(sets.mmsa(), task="negative-positive")
    zeros = int((LABELS == 0).sum())
    assert len(dataset) == len(LABELS) - zeros
    assert f"{zeros} examples of sentiment 0 left out" in dataset.protocol


def test_video_in_two_parts_leaks(sets):
    def shared(content):
        content["test"]["id"][0] = "train0$_$99"

    assert sets.open(sets.mmsa(change=shared)).leaks
    assert not sets.open(sets.mmsa()).leaks


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("video_0001$_$0001", "video_0001"), ("03bSnISJMiM$_$12", "03bSnISJMiM"),
        ("03bSnISJMiM_12", "03bSnISJMiM"), ("-3g5yACwYnA[3]", "-3g5yACwYnA"),
        ("-3g5yACw_12", "-3g5yACw_12"), ("video_0001", "video_0001"), ("208592", "208592"),
        ("a_b_c_d_e_f_7", "a_b_c_d_e_f"),
    ],
)  # fmt: skip
def test_video_of_a_clip(name, expected):
    """YouTube's ids have 11 characters, underscores and digits among them."""
    assert video(name) == expected


def test_modality_of_zeros_is_absent_and_counted(sets):
    def silent(content):
        content["train"]["audio"][2] = 0
        content["test"]["vision"][1] = 0
        content["valid"]["audio"][3] = -np.inf
        content["valid"]["text_bert"][0, 1] = 0

    dataset = sets.open(sets.mmsa(change=silent))
    found = every(dataset)
    split = dataset.split(np.random.default_rng(0), 0)
    assert found[2]["audio"] is None
    assert found[split.test[1]]["visual"] is None
    assert found[split.valid[3]]["audio"] is None
    assert found[split.valid[0]]["text"] is None
    assert "2 examples lack audio" in dataset.protocol
    assert "1 examples lack visual" in dataset.protocol
    assert "1 examples lack text" in dataset.protocol


def test_zeros_within_a_sequence_stay(sets):
    def pause(content):
        content["train"]["audio"][4][3:6] = 0
        content["train"]["vision"][4][:2] = 0

    dataset = sets.open(sets.mmsa(change=pause))
    example = every(dataset)[4]
    assert len(example["audio"]) == 9 + 4
    assert len(example["visual"]) == 5 + 1
    assert not example["audio"][3:6].any()
    assert not example["visual"][:2].any()


def test_stated_length_is_obeyed_where_it_can_be(sets):
    def shorter(content):
        content["train"]["audio_lengths"][1] = 4  # MMSA counts to the first step of zeros
        content["train"]["audio_lengths"][2] = 10**6
        content["train"]["audio"][3] = padded([content["train"]["audio"][3][:12]], 25, True)[0]
        content["train"]["audio_lengths"][3] = 1  # what MMSA counts of padding in front

    lengths = [len(example["audio"]) for example in every(sets.open(sets.mmsa(change=shorter)))]
    assert lengths[:4] == [9, 4, 25, 12]


def test_aligned_modalities_stay_aligned(sets):
    """A first word that nobody hears must not shift the audio against the text."""

    def silent_start(content):
        for part in content.values():
            part["audio"][:, 0] = 0

    dataset = sets.open(sets.mmsa(aligned=True, change=silent_start))
    for example in every(dataset):
        assert len({len(values) for values in example.values()}) == 1
        assert not example["audio"][0].any()


def test_same_examples_have_one_fingerprint_in_any_protocol(sets):
    same = {sets.open(sets.mmsa(protocol=p)).fingerprint() for p in (2, 4, 5)}
    assert len(same) == 1

    def changed(content):
        content["test"]["vision"][5, 0, 0] += 1e-3

    def relabelled(content):
        content["test"]["regression_labels"][0] = 1

    def moved(content):
        content["test"]["id"][0] = "other$_$0"

    others = [sets.open(sets.mmsa(change=c)).fingerprint() for c in (changed, relabelled, moved)]
    others += [sets.open(sets.mmsa(), task="three").fingerprint()]
    others += [sets.open(sets.mmsa(), modalities="text,audio").fingerprint()]
    assert len({*same, *others}) == 6


def test_some_modalities(sets):
    dataset = sets.open(sets.mmsa(), modalities="visual,text")
    assert dataset.task.names == ("text", "visual")
    assert list(every(dataset)[0]) == ["text", "visual"]


def test_names_of_a_sentiment_are_those_that_are_scored():
    assert {name: most for most, name in NAMES.items()} == RANGES


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
    "ids of lists": (spoil("test", "id", [[["a"]]] * 8), "id of 'test' of type list"),
    "two axes": (spoil("test", "audio", np.ones((8, 5))), "shape (8, 5); expected (N, T, D)"),
    "a list": (spoil("test", "audio", [1.0] * 8), "audio of 'test' of type list"),
    "objects": (spoil("test", "audio", np.full((8, 2, 5), None)), "of type object"),
    "width": (spoil("test", "audio", np.ones((8, 25, 6))), "audio (6,)"),
    "no modality there": (spoil("test", "audio", None), "expected the same"),
    "mask": (spoil("test", "text_bert", np.ones((8, 3, 9))), "text_bert of shape (8, 3, 9)"),
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


def cut_off(folder):
    (folder / "audio_test.h5").write_bytes((folder / "audio_test.h5").read_bytes()[:-100])


HDF5 = {
    "missing file": (lambda f: (f / "audio_valid.h5").unlink(), "has no file audio_valid.h5"),
    "no labels": (lambda f: (f / "y_train.h5").unlink(), "holds no y_train.h5"),
    "truncated": (cut_off, "cannot be read: audio_test.h5"),
    "no hdf5": (lambda f: (f / "y_test.h5").write_text("<html>"), "cannot be read: y_test.h5"),
    "empty": (lambda f: (f / "y_test.h5").write_bytes(b""), "cannot be read: y_test.h5"),
    "external link": (linked, "has no array 'd1' or 'data' in y_test.h5 (it has d1)"),
    "stored outside": (stored_outside, "expected numbers that are all in the file"),
    "virtual": (virtual, "expected numbers that are all in the file"),
    "bomb": (bomb, "expected numbers that are all in the file"),
    "key": (other("y_test.h5", "labels", np.ones(8)), "no array 'd1' or 'data' in y_test.h5"),
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


def test_wrong_path_is_one_line(sets, tmp_path):
    with pytest.raises(UserError, match="does not exist; expected a pickle, or a folder"):
        sets.open(tmp_path / "none.pkl")
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
