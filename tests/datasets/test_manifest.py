"""The manifest: any CSV of files, its splits, and what its fingerprint follows."""

import numpy as np
import pandas as pd
import pytest
import torch
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.loading import load
from fusemark.benchmark.registry import datasets
from fusemark.benchmark.settings import DataSettings
from fusemark.datasets.manifest import Manifest
from safetensors.torch import save_file


def rng(seed=0):
    return np.random.default_rng(seed)


def read(dataset):
    return list(dataset.examples(np.arange(len(dataset))))


def parts(dataset, split):
    return [{dataset.groups[i] for i in part} for part in (split.train, split.valid, split.test)]


# What is read


def test_is_registered_with_its_path_as_argument():
    entry = datasets["manifest"]
    assert (entry.cls, entry.argument) == (Manifest, "path")
    assert not Manifest.needs_root


def test_values_labels_and_task(folder):
    dataset = folder.build(rates=(50, 0))
    for i, example in enumerate(read(dataset)):
        assert np.array_equal(example["audio"], folder.draw(i, (4 + i, 3)))
        assert np.array_equal(example["visual"], folder.draw(100 + i, (2, 5)))
    assert dataset.ids[3] == "clip3"
    assert dataset.groups[3] == "s1"
    assert dataset.labels.tolist() == [0, 1] * 6
    assert dataset.task.outputs == ("happy", "sad")
    audio, visual = dataset.task.modalities.values()
    assert (audio.shape, audio.max_length, audio.rate) == ((3,), 15, 50.0)
    assert (visual.shape, visual.max_length, visual.rate) == ((5,), 2, None)


def test_classes_in_a_given_order(folder):
    assert folder.build(classes="sad,happy").labels.tolist() == [1, 0] * 6


def write_npz(path, array):
    np.savez(path, anything=array)


def write_compressed(path, array):
    np.savez_compressed(path, array)


def write_safetensors(path, array):
    save_file({"anything": torch.from_numpy(array)}, path)


def write_parquet(path, array):
    pd.DataFrame(array, columns=[f"f{i}" for i in range(array.shape[1])]).to_parquet(path)


def write_indexed_parquet(path, array):
    index = pd.Index(np.arange(len(array)) / 50, name="seconds")
    pd.DataFrame(array, index=index, columns=list("xyz")).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.npy", np.save),
        ("x.NPY", lambda path, array: np.save(path.open("wb"), array)),
        ("x.npz", write_npz),
        ("x.npz", write_compressed),
        ("x.safetensors", write_safetensors),
        ("x.parquet", write_parquet),
        ("x.parquet", write_indexed_parquet),
        ("f3=1/x.parquet", write_parquet),  # the name of a folder is no column
    ],
)
def test_every_format_gives_the_same_bits(folder, name, write):
    array = np.array([[1 / 3, -0.0, 1e-42], [np.pi, 3.4e38, -7]], np.float32)
    folder.save("plain.npy", array)
    folder.put(2, "audio", "plain.npy")
    plain = folder.build()
    (folder.path / name).parent.mkdir(exist_ok=True)
    write(folder.path / name, array)
    folder.put(2, "audio", name)
    dataset = folder.build()
    assert read(dataset)[0]["audio"].tobytes() == array.tobytes()
    assert dataset.fingerprint() == plain.fingerprint()


@pytest.mark.parametrize("kind", ["float64", "float16", "int64", "uint8", "bool", ">f4"])
def test_numbers_of_any_type_become_float32(folder, kind):
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(kind)
    folder.save("a0.npy", np.asfortranarray(array))
    values = read(folder.build())[0]["audio"]
    assert values.dtype == np.float32
    assert np.array_equal(values, [[0, 1, 1], [1, 0, 1]])


def test_bfloat16(folder):
    tensor = torch.tensor([[0.5, 1.25, -3.0]], dtype=torch.bfloat16)
    save_file({"x": tensor}, folder.path / "a.safetensors")
    folder.put(2, "audio", "a.safetensors")
    assert np.array_equal(read(folder.build())[0]["audio"], [[0.5, 1.25, -3.0]])


def test_a_vector_is_one_step(folder):
    folder.save("a0.npy", np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(read(folder.build())[0]["audio"], [[1, 2, 3]])


def test_image_frames(folder):
    for i in range(12):
        folder.save(f"v{i}.npy", rng(i).integers(0, 255, (i + 1, 3, 4, 6), np.uint8))
    dataset = folder.build()
    assert dataset.task.modalities["visual"].shape == (3, 4, 6)
    assert dataset.task.modalities["visual"].max_length == 12
    expected = rng(7).integers(0, 255, (8, 3, 4, 6), np.uint8)
    assert np.array_equal(read(dataset)[7]["visual"], expected)


def test_absent_modality(folder):
    folder.put(2, "visual", "")
    folder.put(5, "audio", "  ")
    dataset = folder.build()
    examples = read(dataset)
    assert examples[0]["visual"] is None
    assert examples[3]["audio"] is None
    assert sum(v is None for e in examples for v in e.values()) == 2
    part = load(dataset, np.array([0, 3, 4]), DataSettings())
    assert part.modalities["visual"].present.tolist() == [False, True, True]
    assert part.modalities["audio"].present.tolist() == [True, False, True]


def test_one_file_may_serve_several_examples(folder):
    folder.put(3, "visual", "v0.npy")
    examples = read(folder.build())
    assert np.array_equal(examples[0]["visual"], examples[1]["visual"])


def test_regression(folder):
    folder.put_all("label", [str(row / 4) for row in range(2, 14)])
    dataset = folder.build(kind="regression")
    assert dataset.task.kind == "regression"
    assert dataset.task.outputs == ("label",)
    assert dataset.labels.dtype == np.float32
    assert np.array_equal(dataset.labels, np.arange(2, 14)[:, None] / 4)
    dataset.split(rng(), 0).check(dataset)


def test_unicode_spaces_and_absolute_paths(new_folder, tmp_path, monkeypatch):
    folder = new_folder(tmp_path / "Größe und Maß")
    folder.save("Stimmen/ä ö, 音声.npy", folder.draw(1, (2, 3)))
    folder.put(2, "audio", "Stimmen/ä ö, 音声.npy")
    folder.put(2, "id", "клип 1")
    folder.put(2, "label", "glücklich, sehr")
    folder.put(4, "label", "glücklich, sehr")
    folder.put(3, "audio", str(tmp_path / "elsewhere.npy"))
    np.save(tmp_path / "elsewhere.npy", folder.draw(2, (2, 3)))
    folder.header[3] = "Ton spur"
    monkeypatch.chdir(tmp_path)
    folder.build()
    dataset = folder.open("Größe und Maß/data.csv")  # paths are relative to the CSV, not to us
    first, second, *_ = read(dataset)
    assert np.array_equal(first["Ton spur"], folder.draw(1, (2, 3)))
    assert np.array_equal(second["Ton spur"], folder.draw(2, (2, 3)))
    assert dataset.ids[0] == "клип 1"
    assert dataset.task.outputs == ("glücklich, sehr", "happy", "sad")


def test_byte_order_mark_blank_rows_and_spaces_after_commas(folder):
    folder.build()
    text = (folder.path / "data.csv").read_text(encoding="utf-8")
    expected = folder.open(folder.path / "data.csv").fingerprint()
    spaced = text.replace(",", ", ").replace("\n", "\n,,,,\n\n") + "\n"
    (folder.path / "other.csv").write_text(spaced, encoding="utf-8-sig")
    assert folder.open(folder.path / "other.csv").fingerprint() == expected


# Splits


def test_drawn_split_shares_no_speaker(folder):
    dataset = folder.build()
    assert (dataset.design, dataset.folds, dataset.leaks) == ("re-drawn", 1, False)
    tested = set()
    for seed in range(40):
        split = dataset.split(rng(seed), 0)
        split.check(dataset)
        train, valid, test = parts(dataset, split)
        assert (len(train), len(valid), len(test)) == (4, 1, 1)  # .15 of 6 is .9
        assert train | valid | test == set(dataset.groups)
        tested |= test
    assert tested == set(dataset.groups)
    again = dataset.split(rng(39), 0)
    assert all(np.array_equal(getattr(again, p), getattr(split, p)) for p in ("train", "test"))


def test_drawn_split_is_70_15_15_of_the_speakers(folder):
    folder.rows = [[f"id{i}", *folder.rows[i % 12][1:]] for i in range(200)]
    for i, row in enumerate(folder.rows):
        row[2] = f"s{i % 40}"
    dataset = folder.build()
    counts = [len(p) for p in parts(dataset, dataset.split(rng(), 0))]
    assert counts == [28, 6, 6]


def test_every_class_is_trained_whatever_the_seed(folder):
    for row in range(2, 14):
        folder.put(row, "label", "rare" if row in (2, 4) else "common")
    dataset = folder.build()  # "rare" in two speakers of six, either of which may be held out
    for seed in range(40):
        dataset.split(rng(seed), 0).check(dataset)


def test_no_draw_can_train_every_class(folder):
    for row in range(2, 14):
        folder.put(row, "label", folder.rows[row - 2][2])  # each speaker its own class
    dataset = folder.build()
    with pytest.raises(UserError, match=r"no draw .* leaves every class a training example"):
        dataset.split(rng(), 0)


def test_given_split(folder):
    folder.add("split", ["train"] * 6 + ["valid"] * 2 + ["test"] * 4)
    dataset = folder.build()
    assert (dataset.design, dataset.leaks) == ("crossed", False)
    assert dataset.task.names == ("audio", "visual")
    split = dataset.split(rng(), 0)
    split.check(dataset)
    assert split.train.tolist() == [0, 1, 2, 3, 4, 5]
    assert split.valid.tolist() == [6, 7]
    assert split.test.tolist() == [8, 9, 10, 11]


def test_given_split_without_validation(folder):
    folder.add("split", ["train"] * 8 + ["test"] * 4)
    dataset = folder.build()
    assert dataset.design == "crossed"
    assert "validation speakers drawn" in dataset.protocol
    drawn = set()
    for seed in range(20):
        split = dataset.split(rng(seed), 0)
        split.check(dataset)
        train, valid, test = parts(dataset, split)
        assert test == {"s4", "s5"}
        assert len(valid) == 1  # 15 of 85 of four speakers is .7
        assert train | valid == {"s0", "s1", "s2", "s3"}
        assert not train & valid
        drawn |= valid
    assert drawn == {"s0", "s1", "s2", "s3"}


@pytest.mark.parametrize(
    ("words", "leaks"),
    [
        (["train"] * 7 + ["test"] * 5, True),  # s3 trains and is tested
        (["train"] * 6 + ["valid"] * 3 + ["test"] * 3, True),  # s4 validates and is tested
        (["train"] * 5 + ["valid"] * 3 + ["test"] * 4, False),  # s2 trains and validates
    ],
)
def test_leaking_split_is_flagged(folder, words, leaks):
    folder.add("split", words)
    dataset = folder.build()
    dataset.split(rng(), 0).check(dataset)
    assert dataset.leaks is leaks


@pytest.mark.parametrize("valid", ["valid", "train"])
def test_class_without_training_examples_in_a_given_split(folder, valid):
    folder.add("split", ["train"] * 6 + [valid] * 2 + ["test"] * 4)
    for row in range(2, 14):
        folder.put(row, "label", "rare" if row in (10, 11) else folder.rows[row - 2][1])
    dataset = folder.build()
    with pytest.raises(UserError, match="class 'rare' has no training example") as error:
        dataset.split(rng(), 0).check(dataset)
    assert "manifest:" in str(error.value)


# Fingerprint


def test_fingerprint_follows_content_not_place(folder, new_folder, tmp_path):
    before = folder.build().fingerprint()
    assert folder.build().fingerprint() == before
    other = new_folder(tmp_path / "other")
    other.save("moved.npy", folder.draw(0, (4, 3)))
    other.put(2, "audio", "moved.npy")
    assert other.build().fingerprint() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.save("a3.npy", f.draw(3, (7, 3)) + 1e-6),
        lambda f: f.save("a3.npy", f.draw(3, (7, 3))[::-1]),
        lambda f: f.put(3, "label", "happy"),
        lambda f: f.put(3, "speaker", "s5"),
        lambda f: f.put(3, "id", "other"),
        lambda f: f.put(3, "visual", ""),
        lambda f: f.header.__setitem__(3, "voice"),
        lambda f: f.rows.reverse(),
        lambda f: f.add("split", ["train"] * 8 + ["test"] * 4),
    ],
)
def test_fingerprint_changes_with(folder, change):
    before = folder.build().fingerprint()
    change(folder)
    assert folder.build().fingerprint() != before


def test_fingerprint_changes_with_the_settings(folder):
    folder.add("split", ["train"] * 8 + ["test"] * 4)
    settings = [{}, {"rates": "10,20"}, {"classes": "sad,happy"}]
    prints = {folder.build(**s).fingerprint() for s in settings}
    folder.put(13, "split", "train")
    assert len(prints | {folder.build().fingerprint()}) == 4
