"""Simulated corpora whose best possible accuracy is known in closed form."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..benchmark.contract import Example, FusionDataset, Modality, Split, Task, UserError
from ..benchmark.contract.errors import near
from ..benchmark.registry import dataset
from .simulation.base import SimulatedTask
from .simulation.channel import MODALITIES
from .simulation.cremad_like import CremadLike
from .simulation.lag import Lag
from .simulation.long import Long
from .simulation.redundant import Redundant
from .simulation.rendering import Renderer
from .simulation.settings import resolve
from .simulation.synergy import Synergy
from .simulation.unique import Unique

TASKS: dict[str, type[SimulatedTask]] = {
    task.name: task for task in (Redundant, Unique, Synergy, Lag, Long, CremadLike)
}
SHARE = 0.15  # of the speakers, in the test part and in the validation part


@dataset(
    "simulated",
    source="embedded: drawn from a seed, with a ceiling in closed form",
    argument="task",
    choices=tuple(TASKS),
)
class Simulated(FusionDataset):
    """Audiovisual tasks with a ceiling in closed form.

    A clip is drawn in two steps: its label and the symbol that each modality shows of it, from
    the task's joint table (the channel), then values in which the symbols can be read. The oracle
    is the Bayes decision on the symbols, the ceiling its expected accuracy.

    Attributes
    ----------
    simulated
        The task: its channel, all that was drawn but the values, and for ``long`` what truncation
        leaves (``truncated_ceiling``).
    """

    @dataclass(frozen=True)
    class Config(FusionDataset.Config):
        """Settings; None means the task's default. ``simulation.settings.Settings`` explains them.

        A setting that a task does not have (``length`` of any but ``long``) must stay None.
        """

        task: str = "synergy"
        seed: int = 0
        clips: int | None = None
        speakers: int | None = None
        symbols: int | None = None
        audio_width: int | None = None
        visual_width: int | None = None
        noise: float | None = None
        speaker_offset: float | None = None
        label_noise: float | None = None
        shortest: float | None = None
        longest: float | None = None
        speaking_rate: float | None = None
        rate_spread: float | None = None
        length: int | None = None
        event: int | None = None
        informative: str | None = None

    needs_root = False
    design = "re-drawn"
    protocol = "speaker-disjoint 70/15/15, re-drawn for each seed"

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        if config.task not in TASKS:
            raise UserError(
                f"dataset 'simulated' has no task {config.task!r}{near(config.task, TASKS) or '.'} "
                f"It has: {', '.join(TASKS)}"
            )
        task = TASKS[config.task]
        given = {n: v for n, v in dataclasses.asdict(config).items() if n != "task"}
        owner = f"simulated:{config.task}"
        self.simulated = task(resolve(owner, given, task.defaults, task.has), owner)
        self.training = self.simulated.training
        settings, lengths = self.simulated.settings, self.simulated.max_lengths
        self.task = Task(
            {m: Modality((settings.width(m),), lengths[m], task.rates[m]) for m in MODALITIES},
            self.simulated.outputs,
        )
        clips = self.simulated.clips
        self.labels = clips.labels
        self.groups = [f"speaker-{speaker:03d}" for speaker in clips.speakers]
        self.ids = [f"clip-{position:05d}" for position in range(settings.clips)]

    def fingerprint(self) -> str:
        """Return a hash of the task and all its settings; equal settings draw equal examples."""
        settings = dataclasses.asdict(self.simulated.settings)
        asked = {name: settings[name] for name in sorted(self.simulated.own)}
        text = json.dumps({"task": self.simulated.name, **asked}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        """Draw test and validation speakers, 15 % each and at least one, and train on the rest."""
        speakers = self.simulated.settings.speakers
        order = rng.permutation(speakers)
        held = max(1, round(SHARE * speakers))
        parts = order[2 * held :], order[held : 2 * held], order[:held]
        mine = self.simulated.clips.speakers
        train, valid, test = (np.flatnonzero(np.isin(mine, part)) for part in parts)
        return Split(train, valid, test)

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        """Draw the clips at these positions, each from streams of its own."""
        renderer = Renderer(self.simulated)
        for position in positions:
            yield {name: renderer.values(int(position), name) for name in MODALITIES}

    def oracle(self, positions: np.ndarray, modalities: Sequence[str]) -> np.ndarray:
        """Return the Bayes decision (n,) on the symbols that these modalities show."""
        symbols = {name: drawn[positions] for name, drawn in self.simulated.clips.symbols.items()}
        return self.simulated.channel.decide(symbols, modalities)

    def ceiling(self, modalities: Sequence[str]) -> float:
        """Return the expected accuracy of the oracle, label noise included."""
        return self.simulated.channel.ceiling(modalities)
