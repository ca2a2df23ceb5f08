"""The whole way: from media files that a test makes to a store, a report and a benchmark."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fusemark.benchmark import cli
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.cremad import Cremad
from fusemark.datasets.features import Features
from fusemark.datasets.media.decode import Video, read_sound
from fusemark.datasets.media.descriptors import Descriptors, Framing
from fusemark.datasets.media.prepare import Request, in_turn, prepare
from fusemark.datasets.media.settings import Settings

CROPS = Settings(visual="crops", crop_size=32)
SOUND = Settings(visual="none")
EMOTION = {"ANG": "anger", "NEU": "neutral"}


def bench(*words, code=0):
    """Run the command in this process; its exit code is checked."""
    argv, sys.argv = sys.argv, ["bench", *map(str, words)]
    try:
        if code:
            with pytest.raises(SystemExit) as end:
                cli.main()
            assert end.value.code == code
        else:
            cli.main()
    finally:
        sys.argv = argv


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
    assert result.lacks == {"audio": "the corpus has no audio file of it"}


def corpus_with(root, film, good=4):
    """A media corpus of some good clips by different speakers, sound only."""
    for i in range(good):
        film(root / "ab"[i % 2] / f"s{i}" / "clip.wav", seconds=0.3, face=None, audio="pcm_s16le")
    return root


def test_bad_clips_are_left_out_and_listed(tmp_path, film, sine, wav):
    root = corpus_with(tmp_path / "c", film)
    (root / "a" / "s0" / "empty.wav").write_bytes(b"")
    (root / "a" / "s0" / "text.wav").write_text("not sound | <b>at</b> all" * 50)
    (root / "a" / "s0" / "lfs.wav").write_text("version https://git-lfs.github.com/spec/v1\nx\n")
    wav(root / "a" / "s0" / "short.wav", sine(0.05, 16000)[:, None], 16000)
    wav(root / "a" / "s0" / "ünï cödé 文.wav", np.zeros((8000, 2)), 44100)
    (root / "a" / "s0" / "away.wav").symlink_to(tmp_path / "c" / ".." / "secret.wav")
    wav(tmp_path / "secret.wav", sine(0.5, 16000)[:, None], 16000)
    film(root / "a" / "s0" / "mute.flv", sound=None)
    request = Request("media", root, tmp_path / "s", SOUND, max_bad=0.7)
    store, quality = prepare(request)
    assert store.columns["id"] == [
        "a/s0/clip", "a/s0/ünï cödé 文", "a/s2/clip", "b/s1/clip", "b/s3/clip",
    ]  # fmt: skip
    said = {
        "empty": "is empty (0 bytes)", "text": "cannot be decoded", "lfs": "git lfs pull",
        "short": "shorter than a window of 60 ms", "away": "leads outside c",
        "mute": "no audio stream",
    }  # fmt: skip
    assert set(quality.bad) == {f"a/s0/{name}" for name in said}
    report = (tmp_path / "s" / "report.md").read_text()
    for name, why in said.items():
        assert why in quality.bad[f"a/s0/{name}"]
        assert f"| a/s0/{name} | left out | " in report
    assert quality.flagged() == {"silent": ["a/s0/ünï cödé 文"]}
    assert store.columns["flags"] == ["", "silent", "", "", ""]
    with pytest.raises(UserError, match=r"5 of 11 clips are bad, over --max-bad 0.4; a/s0/"):
        prepare(replace(request, out=tmp_path / "t", max_bad=0.4))
    with pytest.raises(UserError, match="unfinished"):
        Features(Features.Config(path=str(tmp_path / "t")))
    assert (tmp_path / "t" / "report.md").exists()


def test_a_clip_that_lacks_a_modality_is_kept(tmp_path, film):
    film(tmp_path / "c" / "x" / "p" / "whole.flv")
    film(tmp_path / "c" / "x" / "p" / "mute.flv", sound=None)
    film(tmp_path / "c" / "x" / "q" / "faceless.flv", face=False)
    film(tmp_path / "c" / "x" / "q" / "heard.flv", face=None)
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", CROPS, max_bad=1))
    at = {name.rpartition("/")[2]: i for i, name in enumerate(store.columns["id"])}
    assert store.read("audio", at["mute"]) is None
    assert len(store.read("visual", at["mute"])) == 6
    for name in ("faceless", "heard"):
        assert store.read("visual", at[name]) is None
        assert store.read("audio", at[name]) is not None
    assert quality.bad == {
        "x/p/mute": "mute.flv has no audio stream",
        "x/q/faceless": "no face in the 6 pictures of faceless.flv",
        "x/q/heard": "heard.flv has no picture",
    }
    assert "1 clips prepared" not in (tmp_path / "s" / "report.md").read_text()
    assert "0 are left out, 3 lack a modality" in (tmp_path / "s" / "report.md").read_text()


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


def interrupted(after):
    """A runner that is killed after some clips."""

    def run(function, tasks):
        for count, task in enumerate(tasks):
            if count == after:
                raise KeyboardInterrupt
            yield task, function(task)

    return run


def counted(calls):
    def run(function, tasks):
        for task, result in in_turn(function, tasks):
            calls.append(task.clip.id)
            yield task, result

    return run


def test_a_preparation_goes_on_where_it_stopped(tmp_path, film):
    root = corpus_with(tmp_path / "c", film, good=6)
    whole, _ = prepare(Request("media", root, tmp_path / "whole", SOUND))
    request = Request("media", root, tmp_path / "s", SOUND)
    with pytest.raises(KeyboardInterrupt):
        prepare(request, interrupted(3))
    with pytest.raises(UserError, match="unfinished; run its `bench data prepare` again"):
        Features(Features.Config(path=str(tmp_path / "s")))
    # Killed in the middle of writing a clip: values without their line, and half a line.
    with (tmp_path / "s" / "audio.values").open("ab") as file:
        file.write(b"\1" * 777)
    with (tmp_path / "s" / "journal.jsonl").open("ab") as file:
        file.write(b'{"id": "b/s5/cl')
    calls = []
    store, _ = prepare(request, counted(calls))
    assert calls == whole.columns["id"][3:]
    assert store.fingerprint() == whole.fingerprint()
    calls.clear()
    prepare(request, counted(calls))
    assert calls == []
    # A file that changed is prepared again, and no other.
    film(root / "a" / "s0" / "clip.wav", seconds=0.4, face=None, audio="pcm_s16le")
    again, _ = prepare(request, counted(calls))
    assert calls == ["a/s0/clip"]
    assert again.fingerprint() != whole.fingerprint()
    with pytest.raises(UserError, match=r"begun with other settings \(step\)"):
        prepare(replace(request, settings=replace(SOUND, step=0.01)))


@pytest.mark.slow
def test_a_killed_command_goes_on(tmp_path, little_cremad):
    words = [sys.executable, "-m", "fusemark.benchmark.cli", "data", "prepare", "cremad",
             "--root", str(little_cremad), "--visual", "crops", "--workers", "1",
             "--crop-size", "32", "--out", str(tmp_path / "s")]  # fmt: skip
    run = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    journal = tmp_path / "s" / "journal.jsonl"
    end = time.monotonic() + 120
    while time.monotonic() < end and not (journal.exists() and journal.read_text().count("key")):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    first = journal.read_text().rpartition("\n")[0]
    assert 0 < first.count('"key"') < 8
    subprocess.run(words, check=True, capture_output=True)
    assert journal.read_text().startswith(first)
    assert journal.read_text().count('"key"') == 8
    assert (tmp_path / "s" / "store.json").exists()


def snapshot(folder):
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in Path(folder).rglob("*")}


def test_nothing_is_written_outside_the_folder(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    film(root / "a" / "s9" / ".." / ".." / "b" / "s9" / "x.wav", face=None, audio="pcm_s16le")
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(tmp_path)
    prepare(Request("media", root, tmp_path / "out" / "s", SOUND))
    after = snapshot(tmp_path)
    inside = [p for p in after if p.is_relative_to(tmp_path / "out")]
    assert {p: v for p, v in after.items() if p not in inside} == before
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)


def test_a_journal_that_leads_elsewhere_is_refused(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    (tmp_path / "victim.values").write_bytes(b"x" * 100)
    request = Request("media", root, tmp_path / "s", SOUND)
    prepare(request)
    journal = tmp_path / "s" / "journal.jsonl"
    text = journal.read_text()
    for spoilt, said in (
        (text.replace('"name": "audio"', '"name": "../victim"'), "is no modality"),
        (text.replace('"float32", "shape"', '"object", "shape"'), "journal.jsonl is damaged"),
        ("[]\n" + text, "journal.jsonl is damaged"),
        (text.replace("{", "", 3), "journal.jsonl is damaged"),
    ):
        journal.write_text(spoilt)
        with pytest.raises(UserError, match=said):
            prepare(request)
    journal.write_text(text)
    (tmp_path / "s" / "audio.values").unlink()
    (tmp_path / "s" / "audio.values").symlink_to(tmp_path / "victim.values")
    with pytest.raises(UserError, match=r"holds other things \(audio.values\)"):
        prepare(request)
    assert (tmp_path / "victim.values").read_bytes() == b"x" * 100


def test_a_full_disk_is_one_line_and_the_command_goes_on(tmp_path, film, monkeypatch):
    from fusemark.datasets.media.journal import Journal

    root = corpus_with(tmp_path / "c", film)
    request = Request("media", root, tmp_path / "s", SOUND)
    put = Journal.put

    def full(self, entry, values):
        if entry["id"] == "b/s1/clip":
            self.streams["audio"].write(b"half")
            raise OSError(28, "No space left on device")
        put(self, entry, values)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "put", full)
        with pytest.raises(UserError, match=r"No space left on device\); make room"):
            prepare(request)
    store, _ = prepare(request)
    whole, _ = prepare(Request("media", root, tmp_path / "t", SOUND))
    assert store.fingerprint() == whole.fingerprint()


def test_a_folder_with_other_things_is_left_alone(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    (tmp_path / "file").write_text("x")
    for out, said in (
        ("mine", r"holds other things \(thesis.tex\)"),
        ("file", "cannot be made"),
        ("c", "holds other things"),
    ):
        with pytest.raises(UserError, match=said):
            prepare(Request("media", root, tmp_path / out, SOUND))
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--audio", "mfcc"], "--audio 'mfcc' is unknown; expected compare or none"),
        (["--visual", "none", "--audio", "none"], "leave nothing to prepare"),
        (["--crop-size", "5"], "--crop-size 5 is out of range"),
        (["--step", "0"], "step=0; expected seconds"),
        (["--max-bad", "3"], "--max-bad 3 is no share"),
        (["--time-limit", "soon"], "duration 'soon'"),
        (["--weights", "w.pt", "--visual", "crops"], "--weights and --module embed faces"),
        (["--weights", "gone.pt"], "--weights 'gone.pt' is not a file"),
        (["--fps", "x"], "--fps"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(little_cremad, tmp_path, capsys, words, said):
    bench("data", "prepare", "cremad", "--root", little_cremad, "--out", tmp_path / "s", *words,
          code=2)  # fmt: skip
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not (tmp_path / "s").exists()


ODD_NAMES = ("%03d", "a:b", "pipe:0", "a?b#c", "-i", "zeile\n2", " ", "名前", "x" * 200, "concat|a")


def test_odd_names(tmp_path, film):
    whole = film(tmp_path / "whole.wav", seconds=0.3, face=None, audio="pcm_s16le").read_bytes()
    folder = tmp_path / "c" / "x" / "p"
    folder.mkdir(parents=True)
    for name in ODD_NAMES:
        (folder / f"{name}.wav").write_bytes(whole)
    Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.wav")).write_bytes(whole)
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", SOUND, max_bad=0.5))
    assert set(store.columns["id"]) == {f"x/p/{name}" for name in ODD_NAMES}
    assert list(quality.bad) == [r"x/p/latin-\udce9"]
    assert "not in UTF-8" in quality.bad[r"x/p/latin-\udce9"]
    report = (tmp_path / "s" / "report.md").read_text(encoding="utf-8")
    assert "10 of 11 clips are in the store" in report


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


def test_unknown_corpus(tmp_path, capsys):
    bench("data", "prepare", "cremaid", "--root", tmp_path, "--out", tmp_path / "s", code=2)
    assert "unknown corpus 'cremaid'; expected media, cremad" in capsys.readouterr().err


def test_files_spoilt_at_random_never_stop_a_preparation(tmp_path, film):
    """Bytes flipped, cut, doubled: each clip is prepared or listed, and the rest goes on."""
    rng = np.random.default_rng(3)
    whole = film(tmp_path / "whole.flv", seconds=0.4).read_bytes()
    for i in range(40):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 60)):
            content[rng.integers(len(content))] = rng.integers(256)
        if i % 3 == 0:
            content = content[: rng.integers(len(content))]
        if i % 5 == 0:
            content = content + content
        path = tmp_path / "c" / f"{i:02d}{('.flv', '.mp4', '.wav', '.mpg')[i % 4]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    shutil.copy(tmp_path / "whole.flv", tmp_path / "c" / "good.flv")
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", SOUND, max_bad=1))
    assert "good" in store.columns["id"]
    left_out = [name for name in quality.bad if name not in store.columns["id"]]
    assert len(store) + len(left_out) == 41
    for i in range(len(store)):
        assert np.isfinite(store.read("audio", i)).all()


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
