"""The whole way: from media files that a test makes to a store, a report and a benchmark."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.cremad import Cremad
from fusemark.datasets.features import Features
from fusemark.datasets.media.decode import Video, read_sound
from fusemark.datasets.media.descriptors import Descriptors, Framing
from fusemark.datasets.media.prepare import Request, prepare
from fusemark.datasets.media.settings import Settings

from .asked import CROPS, SOUND, bench, corpus_with

EMOTION = {"ANG": "anger", "NEU": "neutral"}


@pytest.fixture(scope="session")
def prepared(little_cremad, tmp_path_factory):
    """The little corpus, prepared once in this process."""
    out = tmp_path_factory.mktemp("prepared") / "store"
    return prepare(Request("cremad", little_cremad, out, CROPS))[0]


def test_every_clip_is_in_the_store(prepared, little_cremad):
    assert len(prepared) == 8
    columns = prepared.columns
    assert columns["id"] == sorted(p.stem for p in (little_cremad / "VideoFlash").iterdir())
    for i, name in enumerate(columns["id"]):
        actor, sentence, emotion, _ = name.split("_")
        assert (columns["speaker"][i], columns["sentence"][i]) == (actor, sentence)
        assert columns["label"][i] == EMOTION[emotion]
        path = little_cremad / "VideoFlash" / f"{name}.flv"
        expected = Descriptors(Framing())(read_sound(path).samples)
        np.testing.assert_array_equal(prepared.read("audio", i), expected)
        assert len(prepared.raw("visual", i)) == (5 if emotion == "ANG" else 6)
        assert prepared.raw("face", i).all()
    assert prepared.modalities["visual"].rate == pytest.approx(10)
    assert prepared.modalities["audio"].rate == 62.5


def test_crops_hold_the_face_and_nothing_else_moves(prepared):
    """The camera moves, the face is followed: the crops of a clip differ little."""
    for i in range(len(prepared)):
        crops = prepared.raw("visual", i).astype(float)
        assert np.abs(np.diff(crops, axis=0)).mean() < 12
        warm = crops[..., 0].mean() - crops[..., 2].mean()
        assert warm > 15  # skin has more red than blue


def test_report_and_contact_sheet(prepared):
    from PIL import Image

    report = (prepared.path / "report.md").read_text()
    assert "8 of 8 clips are in the store, 0 are left out, 0 lack a modality." in report
    assert "| anger | 4 | 4 |" in report
    assert "| 1003 | 2 | 2 |" in report
    assert "A face was seen in 100.00 % of the pictures" in report
    sheet = np.asarray(Image.open(prepared.path / "faces.png"))
    assert sheet.shape == (72 + 8, 8 * 76 + 4, 3)


def test_it_is_a_dataset(prepared):
    data = Features(Features.Config(path=str(prepared.path)))
    assert data.task.outputs == ("anger", "neutral")
    split = data.split(np.random.default_rng(0), 0)
    split.check(data)
    example = next(data.examples(np.array([0])))
    assert example["visual"].shape[1:] == (3, 32, 32)
    assert -1 <= example["visual"].min() < example["visual"].max() <= 1


def test_cremads_protocols(prepared, tmp_path, film):
    def opened(store, **settings):
        return Cremad(configure(Cremad.Config, {"path": str(store), **settings}, "cremad"))

    paper, perceived = opened(prepared.path), opened(prepared.path, protocol="perceived")
    assert paper.labels.tolist() == [0, 1] * 4
    # The first clip is a tie; the second one was taken for anger.
    assert perceived.ids == paper.ids[1:]
    assert perceived.labels.tolist() == [0, 0, 1, 0, 1, 0, 1]
    for seed in range(4):
        split = paper.split(np.random.default_rng(seed), 0)
        split.check(paper)
        parts = [{paper.groups[i] for i in p} for p in (split.train, split.valid, split.test)]
        assert [len(part) for part in parts] == [2, 1, 1]
        assert len(set.union(*parts)) == 4
    assert not paper.leaks
    ogm = opened(prepared.path, protocol="ogm")
    assert ogm.leaks
    assert ogm.training == {"refit": True}
    prints = [data.fingerprint() for data in (paper, perceived, ogm)]
    assert len(set(prints)) == 3
    example = next(perceived.examples(np.array([0])))
    np.testing.assert_array_equal(example["audio"], prepared.read("audio", 1))
    corpus_with(tmp_path / "c", film)
    prepare(Request("media", tmp_path / "c", tmp_path / "s", SOUND))
    with pytest.raises(UserError, match="it holds 'media', not CREMA-D"):
        opened(tmp_path / "s")


def test_command_report_and_benchmark(little_cremad, tmp_path, capsys):
    """The command with its worker processes, a module that embeds, and a run on the result."""
    import torch

    class Means(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)

    batch = torch.export.Dim("batch")
    program = torch.export.export(
        Means(), (torch.zeros(2, 3, 32, 32),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(program, tmp_path / "m.pt2")
    words = ("data", "prepare", "cremad", "--root", little_cremad, "--out", tmp_path / "s",
             "--module", tmp_path / "m.pt2", "--crop-size", 32, "--workers", 1)  # fmt: skip
    bench(*words)
    said = capsys.readouterr().out
    assert "8 clips in" in said
    assert "a face in 100.00 %" in said
    assert f"bench run --datasets cremad:{tmp_path / 's'}" in said
    flagged = Features(Features.Config(path=str(tmp_path / "s"), flag=True))
    assert flagged.task.modalities["visual"].shape == (13,)
    assert (next(flagged.examples(np.array([3])))["visual"][:, 12] == 1).all()
    before = (tmp_path / "s" / "store.json").read_bytes()
    bench(*words)
    assert (tmp_path / "s" / "store.json").read_bytes() == before
    bench("run", "--datasets", f"features:{tmp_path / 's'}", "--methods", "late-concat",
          "--size", "small", "--seeds", 1, "--set", "training.epochs=1", "--workers", 1,
          "--out", tmp_path / "run", "--no-report")  # fmt: skip
    record = json.loads(next((tmp_path / "run" / "cells").glob("*.json")).read_text())
    assert record["status"] == "ok"
    assert record["cell"]["dataset"] == "features:s"
    assert [record["counts"][part] for part in ("train", "valid", "test")] == [4, 2, 2]


def test_embeddings_of_pictures_without_a_face(tmp_path, film, monkeypatch):
    """Where no face is seen the embedding is interpolated, and the flag says so."""
    from fusemark.datasets.media import work

    film(tmp_path / "c" / "x" / "p" / "a.flv", seconds=1.2)

    class Finder:
        def __init__(self, smallest):
            self.calls = 0

        def detect(self, pictures):
            none = np.zeros((0, 5))
            face = np.array([[60.0, 40.0, 120.0, 110.0, 1.0]])
            return [none if 4 <= self.number(p) < 8 else face for p in pictures]

        def refine(self, pictures, boxes):
            seen = [not 4 <= self.number(p) < 8 for p in pictures]
            return boxes, np.array(seen, float)

        def number(self, picture):
            return next(i for i, p in enumerate(shown) if np.array_equal(p, picture))

    shown = list(work.Video(tmp_path / "c" / "x" / "p" / "a.flv"))
    monkeypatch.setattr(work, "Detector", Finder)
    work.Preparer.of.cache_clear()
    kept = replace(CROPS, visual="embeddings", margin=0.21)
    monkeypatch.setattr(work, "load_embedder", lambda *_: lambda crops: crops.mean((1, 2)))
    result = work.Preparer(kept).prepare(
        work.Clip("a", "p", "x", visual=tmp_path / "c" / "x" / "p" / "a.flv"), thumbnail=False
    )
    np.testing.assert_array_equal(result.seen, [not 4 <= i < 8 for i in range(12)])
    values = result.values["visual"]
    share = np.arange(1, 5)[:, None] / 5
    np.testing.assert_allclose(values[4:8], values[3] * (1 - share) + values[8] * share, atol=1e-4)
    assert result.flags == ["few faces"]
    assert result.lacks["audio"].startswith("the corpus has no audio file of it; ")


def test_features_in_a_table_are_taken_as_they_are_and_never_unpickled(tmp_path, film):
    class Touch:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    rng = np.random.default_rng(0)
    rows, units = ["id,label,speaker,audio,visual"], {}
    for i in range(4):
        film(tmp_path / f"{i}.flac", seconds=0.3, face=None, audio="flac")
        units[f"c{i}"] = rng.standard_normal(35).astype(np.float32)
        np.save(tmp_path / f"{i}.npy", units[f"c{i}"])
        rows.append(f"c{i},{'xy'[i % 2]},s{i},{i}.flac,{i}.npy")
    np.save(tmp_path / "bad.npy", np.array([Touch()], dtype=object), allow_pickle=True)
    np.save(tmp_path / "wide.npy", np.zeros(36, np.float32))
    rows += ["bad,x,s9,0.flac,bad.npy", "wide,x,s9,0.flac,wide.npy"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    store, quality = prepare(
        Request("media", tmp_path / "t.csv", tmp_path / "s", Settings(), max_bad=0.5)
    )
    assert not (tmp_path / "ran").exists()
    assert "Python objects" in quality.bad["bad"]
    assert "visual has steps of shape (36,), other clips of (35,)" in quality.bad["wide"]
    for i, name in enumerate(store.columns["id"]):
        np.testing.assert_array_equal(store.read("visual", i), units[name][None])
    assert store.modalities["visual"].rate is None


@pytest.mark.parametrize("odd", [0, 2])
def test_one_odd_file_is_listed_wherever_it_stands(tmp_path, odd):
    """The first clip decides nothing: the shape is the one of most files."""
    rows = ["id,label,speaker,audio,visual"]
    for i in range(5):
        np.save(tmp_path / f"v{i}.npy", np.full((2, 36 if i == odd else 35), i, np.float32))
        np.save(tmp_path / f"a{i}.npy", np.full((3, 7), i, np.float32))
        rows.append(f"c{i},{'xy'[i % 2]},s{i},a{i}.npy,v{i}.npy")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    request = Request("media", tmp_path / "t.csv", tmp_path / "s", Settings(), max_bad=0.2)
    store, quality = prepare(request)
    assert quality.bad == {f"c{odd}": "visual has steps of shape (36,), other clips of (35,)"}
    assert store.modalities["visual"].shape == (35,)
    assert store.columns["id"] == [f"c{i}" for i in range(5) if i != odd]


def test_what_is_computed_has_the_declared_shape(tmp_path, film):
    """Most clips have sound, one a file of columns of its own: 130 are what the others have."""
    rows = ["id,label,speaker,audio"]
    np.save(tmp_path / "0.npy", np.zeros((3, 7), np.float32))
    for i in range(4):
        film(tmp_path / f"{i}.flac", seconds=0.3, face=None, audio="flac")
        rows.append(f"c{i},{'xy'[i % 2]},s{i},{i}.{'flac' if i else 'npy'}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    _, quality = prepare(Request("media", tmp_path / "t.csv", tmp_path / "s", SOUND, max_bad=0.3))
    assert quality.bad == {"c0": "audio has steps of shape (7,), other clips of (130,)"}


@pytest.mark.slow
def test_ten_minutes(tmp_path, film):
    """A long clip needs time, not memory: its pictures are never held at once."""
    import psutil

    path = tmp_path / "c" / "x" / "p" / "long.mkv"
    film(path, seconds=600, fps=5, codec="mpeg4", audio="aac")
    assert len(list(Video(path))) == 3000
    before = psutil.Process().memory_info().rss
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", CROPS))
    assert not quality.bad
    assert len(store.raw("visual", 0)) == 3000
    assert len(store.raw("audio", 0)) == pytest.approx(600 / 0.016, rel=0.001)
    crops, pictures = 3000 * 32 * 32 * 3, 3000 * 240 * 180 * 3
    assert psutil.Process().memory_info().rss - before < crops + pictures / 2 + 2e8


@pytest.mark.slow
def test_chunked_and_unchunked_run_on_crops_with_their_own_backbone(prepared, tmp_path):
    import torch
    from fusemark.benchmark.cost.flops import count
    from fusemark.benchmark.recipes import parse

    path = str(prepared.path)
    bench("run", "--datasets", f"cremad:{path}", "--methods", "chunked,unchunked", "--size",
          "small", "--seeds", 1, "--set", "training.epochs=2", "--workers", 1,
          "--out", tmp_path / "run", "--no-report")  # fmt: skip
    records = [json.loads(p.read_text()) for p in (tmp_path / "run" / "cells").glob("*.json")]
    assert [record["status"] for record in records] == ["ok", "ok"]
    task = Cremad(Cremad.Config(path=path)).task
    for name in ("chunked", "unchunked"):
        recipe = parse(name)
        model = recipe.build(task, recipe.resolve("small", {}))
        assert any(isinstance(m, torch.nn.Conv2d) for m in model.modules())
        counted = count(model, 1, {"audio": 30, "visual": 6})
        assert not counted.uncounted
        assert counted.by_operator["convolution"] > counted.total / 2
