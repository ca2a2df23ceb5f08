"""What goes wrong on the way: broken files, full disks, odd names, mistakes."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.features import Features
from fusemark.datasets.media.prepare import Request, prepare

from .asked import CROPS, SOUND, bench, corpus_with, counted


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
    with pytest.raises(UserError, match=r"6 of 11 clips are bad, over --max-bad 0.4; a/s0/away"):
        prepare(replace(request, out=tmp_path / "t", max_bad=0.4))
    with pytest.raises(UserError, match="unfinished"):
        Features(Features.Config(path=str(tmp_path / "t")))
    report = (tmp_path / "t" / "report.md").read_text()
    assert all(f"| a/s0/{name} | left out | " in report for name in said)
    calls = []  # all the others are kept
    again, _ = prepare(replace(request, out=tmp_path / "t"), counted(calls))
    assert set(calls) == set(quality.bad)
    assert again.fingerprint() == store.fingerprint()


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
        "x/p/mute": "mute.flv has no audio stream; where no clip has any, give --audio none",
        "x/q/faceless": "no face in the 6 pictures of faceless.flv",
        "x/q/heard": "heard.flv has no picture; where no clip has any, give --visual none",
    }
    assert "1 clips prepared" not in (tmp_path / "s" / "report.md").read_text()
    assert "0 are left out, 3 lack a modality" in (tmp_path / "s" / "report.md").read_text()


def test_pictures_beside_too_little_sound_are_kept(tmp_path, film, wav, sine):
    folder = tmp_path / "c" / "x" / "p"
    film(folder / "whole.flv")
    film(folder / "short.flv", sound=None)
    wav(folder / "short.wav", sine(0.04, 16000)[:, None], 16000)
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", CROPS, max_bad=0.5))
    said = "40 ms of audio are shorter than a window of 60 ms"
    assert quality.bad == {"x/p/short": said}
    assert store.columns["flags"] == ["no audio", ""]
    assert store.raw("audio", 0) is None
    assert len(store.raw("visual", 0)) == 6


def test_clips_of_sound_alone_say_how_to_leave_pictures_out(tmp_path, film):
    root = corpus_with(tmp_path / "c", film, good=1)
    said = "a/s0/clip: the corpus has no visual file of it; where no clip has any, give --visual no"
    with pytest.raises(UserError, match=said):
        prepare(Request("media", root, tmp_path / "s", CROPS))


def test_late_sound_is_flagged(tmp_path, film):
    folder = tmp_path / "c" / "x" / "p"
    film(folder / "early.mkv", codec="mpeg4", audio="pcm_s16le", shown=3)
    film(folder / "late.mkv", codec="mpeg4", audio="pcm_s16le", late=0.3)
    film(folder / "whole.mkv", codec="mpeg4", audio="pcm_s16le")
    store, quality = prepare(Request("media", tmp_path / "c", tmp_path / "s", SOUND))
    assert store.columns["flags"] == [
        "sound was cut off before the first picture", "sound begins after the first picture", "",
    ]  # fmt: skip
    np.testing.assert_allclose(quality.fact("delay"), [-0.3, 0.3, 0.0], atol=0.005)
    assert "| sound after the first picture, s | 3 |" in (tmp_path / "s" / "report.md").read_text()


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
        ("[" * 100_000 + "\n" + text, "journal.jsonl is damaged"),
        (text.replace('"shape": [130]', '"shape": [0]'), "audio has shape"),
        (text.replace('"audio": [0, ', '"audio": ["0", '), "the place of 'audio'"),
        (text.replace('"audio": [0, ', f'"audio": [0, {2**70}, '), "journal.jsonl is damaged"),
        (text.replace('"lacks"', '"lack"'), "a clip's line without lacks"),
        (text.replace('"flags": []', '"flags": [3]'), "a clip's line without text"),
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


def test_a_hopeless_corpus_is_not_tried_to_its_end(tmp_path, film):
    root = corpus_with(tmp_path / "c", film, good=1)
    bad = [root / "a" / "s0" / f"bad{i:02d}.wav" for i in range(80)]
    for path in bad[:45]:
        path.touch()
    request = Request("media", root, tmp_path / "s", SOUND, max_bad=0.1)
    with pytest.raises(UserError, match=r"45 of 46 clips are bad, over --max-bad 0.1; a/s0/bad00"):
        prepare(request)
    for path in bad:
        path.touch()
    with pytest.raises(UserError, match=r"51 of 81 clips are bad, .*; 29 were not tried; a/s0"):
        prepare(request)
    with pytest.raises(UserError, match=r"51 of 81 clips are bad, .*; 30 were not tried; a/s0"):
        prepare(replace(request, out=tmp_path / "t"))


def test_a_share_on_the_edge_stops_nothing(tmp_path, film):
    """29 of 50 are .58 and no more, though .58 * 50 is less than 29 in floating point."""
    assert 0.58 * 50 < 29
    root = corpus_with(tmp_path / "c", film, good=1)
    (good,) = root.rglob("*.wav")
    for i in range(20):
        shutil.copy(good, good.with_name(f"good{i}.wav"))
    for i in range(29):  # first in the order of names
        good.with_name(f"bad{i}.wav").touch()
    store, quality = prepare(Request("media", root, tmp_path / "s", SOUND, max_bad=0.58))
    assert (len(store), len(quality.bad)) == (21, 29)


def test_paths_that_lead_nowhere_are_bad_clips(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    (root / "a" / "s0" / "loop.wav").symlink_to("loop.wav")
    _, quality = prepare(Request("media", root, tmp_path / "s", SOUND, max_bad=0.5))
    assert "is no path" in quality.bad["a/s0/loop"]
    table = tmp_path / "c" / "clips.csv"
    rows = [f"{i},x,s{i},a/s0/clip.wav" for i in range(3)]
    long, nul = f"3,y,s3,{'a' * 300}.wav", "4,y,s4,a\0b.wav"
    table.write_text("\n".join(["id,label,speaker,audio", *rows, long, nul]) + "\n")
    _, quality = prepare(Request("media", table, tmp_path / "t", SOUND, max_bad=0.5))
    assert "File name too long" in quality.bad["3"]
    assert "is no path (" in quality.bad["4"]
    for name in ("a" * 300, "a" * 300 + ".csv"):
        with pytest.raises(UserError, match=r"a' cannot be read|v' cannot be read"):
            prepare(Request("media", tmp_path / name, tmp_path / "u", SOUND))
    with pytest.raises(UserError, match=r"cannot be made \(embedded null byte\)"):
        prepare(Request("media", table, tmp_path / "a\0b", SOUND))


def test_where_every_clip_is_bad_the_first_reason_is_said(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    request = Request("media", root, tmp_path / "s", SOUND, max_bad=1, pattern="{label}")
    with pytest.raises(UserError, match="no clip could be prepared; a/s0/clip: its path does not"):
        prepare(request)


def test_a_damaged_journal_and_a_folder_that_cannot_be_are_one_line(tmp_path, film, capsys):
    root = corpus_with(tmp_path / "c", film)
    words = ["data", "prepare", "media", "--root", root, "--visual", "none"]
    bench(*words, "--out", tmp_path / "s")
    with (tmp_path / "s" / "journal.jsonl").open("a") as file:
        file.write('{"id": "zz"}\n')
    bench(*words, "--out", tmp_path / "s", code=2)
    assert "journal.jsonl is damaged" in capsys.readouterr().err
    bench(*words, "--out", "/proc/nowhere", code=2)
    assert capsys.readouterr().err.count("error:") == 1
    bench(*words, "--out", tmp_path / "t", "--window-f0", "0.01", code=2)
    assert "window_f0=0.01; expected seconds from 0.02" in capsys.readouterr().err
