"""The ``bench data`` command: from raw media to features."""

from __future__ import annotations

import importlib
import os
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .arguments import bytes_, seconds
from .contract import UserError
from .contract.config import configure
from .progress import EVERY, duration
from .registry import datasets

data = typer.Typer(help="Prepare data.", no_args_is_help=True)


@data.callback()
def root() -> None:
    """Prepare data."""


@data.command()
def prepare(
    corpus: Annotated[str, typer.Argument(help="media, cremad, ravdess or grid.")],
    root: Annotated[Path, typer.Option(help="Folder of the corpus; media: or a CSV.")],
    out: Annotated[Path, typer.Option(help="Folder of the features.")],
    audio: Annotated[str, typer.Option(help="compare (openSMILE, 130-D) or none.")] = "compare",
    window: Annotated[float, typer.Option(help="Of the audio, in seconds.")] = 0.032,
    window_f0: Annotated[float, typer.Option(help="Of pitch and voice quality.")] = 0.060,
    step: Annotated[float, typer.Option(help="Of the audio, in seconds.")] = 0.016,
    visual: Annotated[str, typer.Option(help="embeddings, crops or none.")] = "embeddings",
    crop_size: Annotated[int, typer.Option(help="Pixels; 0 for 160, crops 96.")] = 0,
    margin: Annotated[float, typer.Option(help="Round the face, as a share of its side.")] = 0.2,
    face: Annotated[str, typer.Option(help="Of several: the largest or the central.")] = "largest",
    smallest: Annotated[int, typer.Option(help="Smallest face in pixels; 0 to choose.")] = 0,
    stride: Annotated[int, typer.Option(help="Pictures between two full detections.")] = 16,
    fps: Annotated[float | None, typer.Option(help="Pictures per second; default all.")] = None,
    weights: Annotated[str, typer.Option(help="InceptionResnetV1's, a file; or downloaded.")] = "",
    module: Annotated[str, typer.Option(help="A TorchScript or torch.export file instead.")] = "",
    dtype: Annotated[str, typer.Option(help="Of embeddings: float32 or float16.")] = "float32",
    silence: Annotated[float, typer.Option(help="dB of full scale, below which: silent.")] = -70,
    pattern: Annotated[
        str, typer.Option(help="media: how paths say it: '{speaker}_{label}_*'.")
    ] = "",
    max_bad: Annotated[float, typer.Option(help="Share of bad clips from which it fails.")] = 0.05,
    workers: Annotated[
        int | None, typer.Option(help="Processes; default one a core.", min=1)
    ] = None,
    time_limit: Annotated[str, typer.Option(help="Longest time of a clip: 90s, 20m.")] = "30m",
    memory_limit: Annotated[str | None, typer.Option(help="Of a worker: 8GiB.")] = None,
) -> None:
    """Prepare a corpus: audio columns and faces of every clip; a second call goes on."""
    from .pool import Pool

    media: Any = importlib.import_module("fusemark.datasets.media.prepare")
    choices: Any = importlib.import_module("fusemark.datasets.media.settings")
    settings = choices.Settings(
        audio, window, window_f0, step, visual, crop_size, margin, face, smallest, stride, fps,
        weights, module, dtype, silence,
    )  # fmt: skip
    request = media.Request(corpus, root, out, settings, max_bad, pattern)
    pool = Pool(
        workers or os.cpu_count() or 1, seconds(time_limit),
        bytes_(memory_limit) if memory_limit else None,
    )  # fmt: skip
    console, begun = Console(stderr=True), time.perf_counter()
    with Shown(corpus, console) as shown:
        try:
            store, quality = media.prepare(request, pool, shown)
        except KeyboardInterrupt:
            console.print(f"stopped; the same command goes on from {out}", soft_wrap=True)
            raise SystemExit(130) from None
    print_end(out, store, quality, time.perf_counter() - begun)


class Shown:
    """How far a preparation is: a bar on a terminal, elsewhere a line now and then; a last line.

    Parameters
    ----------
    corpus
        Its name.
    console
        Where it is shown.
    """

    def __init__(self, corpus: str, console: Console):
        self.corpus, self.console = corpus, console
        self.state: Any = None
        self.said = time.monotonic()
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeRemainingColumn(),
        )  # fmt: skip
        self.bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Shown:
        self.line = self.bar.add_task(self.corpus, total=None)
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        if self.state is not None:
            self.say(self.status())

    def __call__(self, state: Any) -> None:
        """Take note of a clip that is done."""
        self.state = state
        said = f"{self.corpus}: {speed(state):.1f}x real time, {state.bad} bad"
        self.bar.update(self.line, completed=state.done, total=state.total, description=said)
        if not self.console.is_terminal and time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            self.say(self.status())

    def status(self) -> str:
        """One line: clips done and bad, media, throughput, time left."""
        state = self.state
        line = (
            f"{self.corpus}: {state.done}/{state.total} clips, {state.bad} bad, {state.media:.1f} "
            f"s of media, {speed(state):.1f}x real time"
        )
        left = state.total - state.done
        if left and state.tried:
            line += f", about {duration(state.seconds / state.tried * left)} left"
        return line

    def say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, markup=False, highlight=False)


def speed(state: Any) -> float:
    """Return seconds of media for each of the clock."""
    return state.media / state.seconds if state.seconds else 0.0


@data.command()
def check(
    store: Annotated[Path, typer.Argument(help="A folder that `bench data prepare` made.")],
) -> None:
    """Hash all values of a prepared folder, and compare them with what was prepared."""
    intact: Any = importlib.import_module("fusemark.datasets.media.intact")
    begun = time.perf_counter()
    with Console(stderr=True).status(f"checking {store}"):
        found = intact.verify(store)
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{store}: {found.clips} clips, {found.arrays} arrays, {found.size / 2**20:.1f} MiB, all "
        f"as they were prepared ({time.perf_counter() - begun:.1f} s); fingerprint "
        f"{found.fingerprint}",
        markup=False,
    )
    if not intact.seal(store, found.names):
        console.print("the folder cannot be written: every run will check it again", markup=False)


def print_end(out: Path, store: Any, quality: Any, spent: float) -> None:
    """Print what was prepared and how to go on."""
    console = Console(soft_wrap=True, highlight=False)
    kinds = ", ".join(
        f"{name} {store.longest(name)} x {' x '.join(map(str, kind.shape))} {kind.dtype}"
        for name, kind in store.modalities.items()
    )
    said = f"{len(store)} clips in {spent:.1f} s; longest: {kinds}"
    console.print(said, markup=False)
    if quality.faces is not None:
        console.print(f"a face in {100 * quality.faces:.2f} % of the pictures")
    if quality.mended:
        said = f"{len(quality.mended)} clips were no longer as an earlier run wrote them: prepared"
        console.print(f"{said} again", markup=False)
    if quality.bad:
        console.print(f"{len(quality.bad)} clips left out or incomplete, listed in the report")
    console.print(f"report: {out / 'report.md'}", markup=False)
    for note in quality.corpus.notes:
        console.print(note, markup=False)
    dataset = store.corpus if store.corpus in datasets else "features"
    try:
        made = datasets[dataset].cls
        made(configure(made.Config, {"path": str(out)}, dataset))
    except UserError as error:  # one label, above all, or too few speakers
        console.print(f"no benchmark can run on it: {error}", markup=False)
        return
    words = shlex.quote(f"{dataset}:{out}")
    console.print(f"run it: bench run --datasets {words}", markup=False)
