"""A preparation that goes on: where it stopped, on what changed, never over another corpus."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.features import Features
from fusemark.datasets.media.intact import verify
from fusemark.datasets.media.prepare import Request, prepare

from .asked import SOUND, corpus_with, counted


def interrupted(after):
    """A runner that is killed after some clips."""

    def run(function, tasks):
        for count, task in enumerate(tasks):
            if count == after:
                raise KeyboardInterrupt
            yield task, function(task)

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


@pytest.mark.parametrize("how", ["a byte", "cut off", "removed"])
def test_values_that_changed_are_prepared_again(tmp_path, film, how):
    root = corpus_with(tmp_path / "c", film)
    request = Request("media", root, tmp_path / "s", SOUND)
    whole, _ = prepare(request)
    print_, names = whole.fingerprint(), whole.columns["id"]
    path, last = tmp_path / "s" / "audio.values", whole.columns["audio_start"][-1] * 130 * 4
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(content if how == "a byte" else content[: last + 7])
    calls = []
    store, quality = prepare(request, counted(calls))
    expected = {"a byte": names[:1], "cut off": [names[0], names[3]], "removed": names}[how]
    assert (calls, list(quality.mended)) == (expected, expected)
    assert store.fingerprint() == print_
    assert verify(tmp_path / "s").fingerprint == print_
    report = (tmp_path / "s" / "report.md").read_text()
    assert f"The values of {len(expected)} clips were no longer those" in report
    calls.clear()
    assert prepare(request, counted(calls))[1].mended == []
    assert calls == []


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


def contents(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def test_another_root_or_pattern_replaces_nothing(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    other = corpus_with(tmp_path / "d", film)
    request = Request("media", root, tmp_path / "s", SOUND)
    prepare(request)
    before = contents(tmp_path / "s")
    for changed, said in (
        (replace(request, root=other), r"was begun with another root \(root '.*/c'\); give"),
        (replace(request, pattern="{label}/{speaker}/*"), "another pattern"),
    ):
        with pytest.raises(UserError, match=said):
            prepare(changed)
    assert contents(tmp_path / "s") == before
    # One that grew, and one that was moved, go on.
    shutil.copy(root / "a" / "s0" / "clip.wav", root / "a" / "s0" / "more.wav")
    calls = []
    prepare(request, counted(calls))
    assert calls == ["a/s0/more"]
    moved = root.rename(tmp_path / "moved")
    store, _ = prepare(replace(request, root=moved), counted(calls))
    assert calls == ["a/s0/more"]
    assert len(store) == 5


def test_a_pattern_that_fitted_nothing_can_be_mended(tmp_path, film):
    root = corpus_with(tmp_path / "c", film)
    request = Request("media", root, tmp_path / "s", SOUND, pattern="{label}_{speaker}")
    with pytest.raises(UserError, match="does not fit --pattern"):
        prepare(request)
    assert len(prepare(replace(request, pattern="{label}/{speaker}/*"))[0]) == 4
