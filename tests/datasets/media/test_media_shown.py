"""What the command prints: progress where there is no terminal, and a command that works."""

import io
import shlex
from types import SimpleNamespace

from fusemark.benchmark import data
from fusemark.datasets.media.prepare import Progress
from rich.console import Console

from .asked import bench, corpus_with


def test_a_line_now_and_then_and_a_last_one(monkeypatch):
    now = 0.0
    monkeypatch.setattr(data, "time", SimpleNamespace(monotonic=lambda: now))
    console = Console(file=io.StringIO(), force_terminal=False, width=40)
    with data.Shown("media", console) as shown:
        for done in range(1, 8):
            now += 7.0
            shown(Progress(3 + done, 10, done, int(done > 5), 35.0 * done, 7.0 * done))
    assert console.file.getvalue().splitlines() == [
        "media: 6/10 clips, 0 bad, 105.0 s of media, 5.0x real time, about 28 s left",
        "media: 9/10 clips, 1 bad, 210.0 s of media, 5.0x real time, about 7 s left",
        "media: 10/10 clips, 1 bad, 245.0 s of media, 5.0x real time",
    ]


def test_the_printed_command_has_the_path_in_quotes(tmp_path, film, capsys):
    root, out = corpus_with(tmp_path / "c", film), tmp_path / "it's my $HOME"
    words = ["data", "prepare", "media", "--root", root, "--visual", "none", "--workers", 1]
    bench(*words, "--out", out)
    said = capsys.readouterr()
    (line,) = [line for line in said.out.splitlines() if line.startswith("run it: ")]
    assert shlex.split(line.removeprefix("run it: ")) == [
        "bench", "run", "--datasets", f"features:{out}",
    ]  # fmt: skip
    assert "media: 4/4 clips, 0 bad, 1.2 s of media" in said.err.splitlines()[-1]


def test_clips_of_one_label_are_said_in_place_of_a_command(tmp_path, film, capsys):
    for i in range(3):
        film(tmp_path / "c" / f"{i}.wav", seconds=0.3, face=None, audio="pcm_s16le")
    bench("data", "prepare", "media", "--root", tmp_path / "c", "--visual", "none",
          "--workers", 1, "--out", tmp_path / "s")  # fmt: skip
    said = capsys.readouterr().out
    assert "run it" not in said
    assert "its clips have 1 label (unknown); expected two or more: prepare with --pattern" in said
