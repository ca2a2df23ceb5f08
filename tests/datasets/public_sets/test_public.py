"""Published sets: every example is the one that was put into the file, without its padding."""

import numpy as np
import pytest
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


def test_mfn_modality_without_any_file_is_left_out(sets):
    folder = sets.mfn()
    for file in folder.glob("text*"):
        file.unlink()
    assert sets.open(folder).task.names == ("audio", "visual")


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
