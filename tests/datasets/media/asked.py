"""What the tests of preparation ask for, and the command itself."""

import sys

import pytest
from fusemark.benchmark import cli
from fusemark.datasets.media.prepare import in_turn
from fusemark.datasets.media.settings import Settings

CROPS = Settings(visual="crops", crop_size=32)
SOUND = Settings(visual="none")


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


def corpus_with(root, film, good=4):
    """A media corpus of some good clips by different speakers, sound only."""
    for i in range(good):
        film(root / "ab"[i % 2] / f"s{i}" / "clip.wav", seconds=0.3, face=None, audio="pcm_s16le")
    return root


def counted(calls):
    """Prepare clips in this process, and note which."""

    def run(function, tasks):
        for task, result in in_turn(function, tasks):
            calls.append(task.clip.id)
            yield task, result

    return run
