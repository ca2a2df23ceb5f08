"""A whole corpus from raw media to a feature store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...benchmark.contract import UserError
from ..storage.features import FeatureStore, Stored
from .clips import MODALITIES, Clip, Corpus, is_features
from .corpora import CORPORA
from .crops import CENTRE, SCALE
from .journal import Journal
from .quality import Quality, write_report
from .settings import Settings
from .shapes import usual_shapes
from .work import THUMBNAIL, Bad, Prepared, Task, checked, prepare_clip

HOPELESS = 50  # bad clips from which, over --max-bad, the rest is not tried
SHEET = 96  # faces on the contact sheet
RATES = 0.01  # share by which pictures per second may differ and still be one rate
SEEN = "face"  # the modality beside the pictures that says where a face was seen
THUMBS = "thumbnail"

Run = Callable[[Callable[[Task], Any], Iterable[Task]], Iterator[tuple[Task, Any]]]
"""Applies a function to tasks, in any order; yields each with its result, or with a reason."""


def in_turn(function: Callable[[Task], Any], tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
    """Run tasks in this process."""
    for task in tasks:
        yield task, function(task)


@dataclass(frozen=True)
class Progress:
    """How far a preparation is.

    Parameters
    ----------
    done, total
        Clips; those of an earlier run count as done.
    tried
        Clips of this run.
    bad
        Clips left out, or without a modality that was asked for.
    seconds
        Of media, and of the clock, in this run.
    """

    done: int
    total: int
    tried: int
    bad: int
    media: float
    seconds: float


@dataclass(frozen=True)
class Request:
    """What to prepare.

    Parameters
    ----------
    corpus
        ``media``, ``cremad``, ``ravdess`` or ``grid``.
    root, out
        Folder of the corpus (``media``: or a CSV), folder of the store.
    max_bad
        Share of the clips that may be broken or lack a modality. With more it fails in the end,
        when every clip was tried, so that all faults are listed at once; with over 50 such clips
        it stops there.
    pattern
        How paths say label and speaker (``media``).
    """

    corpus: str
    root: Path
    out: Path
    settings: Settings = field(default_factory=Settings)
    max_bad: float = 0.05
    pattern: str = ""

    def __post_init__(self) -> None:
        if self.corpus not in CORPORA:
            raise UserError(f"unknown corpus {self.corpus!r}; expected {', '.join(CORPORA)}")
        if "," in str(self.out):
            raise UserError(
                f"--out {str(self.out)!r} has a comma, where `bench run --datasets` parts "
                "names; choose another"
            )
        if not 0 <= self.max_bad <= 1:
            raise UserError(f"--max-bad {self.max_bad:g} is no share; expected 0 to 1")
        if self.pattern and self.corpus != "media":
            raise UserError(f"--pattern is for media; {self.corpus} has its own names")


def prepare(
    request: Request, run: Run = in_turn, progress: Callable[[Progress], None] | None = None
) -> tuple[FeatureStore, Quality]:
    """Prepare what is missing of a store, and write index and quality report.

    Raises
    ------
    UserError
        Nothing to prepare, a package or a network that is missing, a folder that holds other
        things, or more bad clips than ``max_bad``; the report is written then too.
    """
    corpus = listed(request)
    needs = {name: needed(corpus, request.settings, name) for name in MODALITIES}
    embedder = checked(request.settings, needs)
    try:
        described = request.settings.described(embedder.said if embedder else "")
        with closing(Journal(request.out, described, source(request))) as journal:
            check_source(request, corpus, journal)
            width = embedder.width if embedder else 0
            shapes = usual_shapes(corpus, request.settings, width, journal.kinds)
            preparation = Preparation(request, corpus, journal, shapes)
            preparation.run(run, progress)
            return preparation.finish()
    except OSError as error:  # a full disk, above all
        raise UserError(
            f"--out {str(request.out)!r} cannot be written ({error.strerror or error}); make room, "
            "and the same command goes on"
        ) from error


def listed(request: Request) -> Corpus:
    """List the clips of the corpus asked for."""
    try:
        return CORPORA[request.corpus](request.root, request.pattern)
    except OSError as error:  # a name too long, above all
        raise UserError(
            f"{request.corpus}: --root {str(request.root)!r} cannot be read "
            f"({error.strerror or error}); expected the folder of the corpus"
        ) from error


def needed(corpus: Corpus, settings: Settings, name: str) -> bool:
    """Say whether any clip's modality has to be computed."""
    paths = (clip.files.get(name) for clip in corpus.clips if not clip.fault)
    return name in settings.wanted and any(p is not None and not is_features(p) for p in paths)


def source(request: Request) -> dict[str, str]:
    """Return what a store was prepared from, as its journal keeps it."""
    root = str(request.root.absolute())
    said = {"corpus": request.corpus, "root": root, "pattern": request.pattern}
    # Bytes that are no UTF-8 come from the file system as surrogates, which no file can hold.
    return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in said.items()}


def check_source(request: Request, corpus: Corpus, journal: Journal) -> None:
    """Refuse to replace the clips of a store by others.

    The same corpus may have been moved: its clips are then the same files under the same names.

    Raises
    ------
    UserError
        The folder was begun with another corpus, pattern or root.
    """
    asked, begun = source(request), journal.source
    if not journal.entries or not begun:
        return
    changed = [name for name in asked if asked[name] != begun.get(name)]
    if changed == ["root"]:
        keys = {clip.id: key(clip) for clip in corpus.clips}
        if all(keys.get(name) == entry["key"] for name, entry in journal.entries.items()):
            return
    if changed:
        said = ", ".join(f"{name} {begun.get(name, '')!r}" for name in changed)
        raise UserError(
            f"--out {str(request.out)!r} was begun with another {' and '.join(changed)} ({said}); "
            "give the same, or choose another folder"
        )


class Preparation:
    """One run over a corpus: what is done, what was bad, and the store that grows."""

    def __init__(
        self, request: Request, corpus: Corpus, journal: Journal,
        shapes: Mapping[str, tuple[int, ...]],
    ):  # fmt: skip
        self.request, self.corpus, self.journal, self.shapes = request, corpus, journal, shapes
        self.keys = {clip.id: key(clip) for clip in corpus.clips}
        self.bad: dict[str, str] = {}
        self.started, self.media = time.perf_counter(), 0.0
        shown = np.linspace(0, len(corpus.clips) - 1, min(SHEET, len(corpus.clips)))
        self.shown = {corpus.clips[i].id for i in shown.round().astype(int)}
        for clip in corpus.clips:
            self.judge(clip.id)

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return what the journal holds of a clip, if its files are still the same."""
        found = self.journal.entries.get(name)
        return found if found and found.get("key") == self.keys[name] else None

    def judge(self, name: str) -> None:
        """Note a prepared clip that lacks something."""
        entry = self.entry(name)
        if entry and entry["lacks"]:
            self.bad[name] = "; ".join(entry["lacks"].values())

    def run(self, run: Run, progress: Callable[[Progress], None] | None) -> None:
        """Prepare the clips that are not done."""
        todo = [c for c in self.corpus.clips if self.entry(c.id) is None]
        total = len(self.corpus.clips)
        tasks = [Task(c, self.request.settings, c.id in self.shown) for c in todo]
        if tasks:
            self.journal.unfinish()
        for count, (task, result) in enumerate(run(prepare_clip, tasks), 1):
            name = task.clip.id
            if isinstance(result, Prepared):
                result = self.keep(task.clip, result)
            if result is not None:
                self.bad[name] = result.reason
            self.judge(name)
            if progress:
                seconds = time.perf_counter() - self.started
                progress(Progress(
                    total - len(todo) + count, total, count, len(self.bad), self.media, seconds
                ))  # fmt: skip
            if self.spoilt() and len(self.bad) > HOPELESS:
                break  # nothing that follows can mend it, and the kinds of fault are known

    def spoilt(self) -> bool:
        """Say whether more clips are bad than may be."""
        return len(self.bad) / len(self.corpus.clips) > self.request.max_bad

    def keep(self, clip: Clip, result: Prepared) -> Bad | None:
        """Write a clip into the store; a clip that does not fit the others is bad."""
        arrays = dict(result.values)
        if result.seen is not None:
            arrays[SEEN] = result.seen[:, None].astype(np.uint8)
        if result.thumbnail is not None:
            arrays[THUMBS] = result.thumbnail[None]
        encoded = {}
        for name, values in arrays.items():
            own = self.kind(name, values)
            kind = self.journal.kinds.get(name, own)
            shape = kind.shape if name in self.journal.kinds else self.shapes.get(name, own.shape)
            if own.shape != shape:
                return Bad(f"{name} has steps of shape {own.shape}, other clips of {shape}")
            if own.dtype != kind.dtype:
                return Bad(f"{name} is of type {own.dtype}, other clips are of {kind.dtype}")
            try:
                encoded[name] = kind.encoded(values)
            except ValueError as error:
                return Bad(f"{name} has {error}; use --dtype float32")
        for name in encoded:
            self.journal.kind(name, self.kind(name, arrays[name]))
        self.media += max(seconds(result.facts), 0.0)
        self.journal.put(
            {
                "id": clip.id, "key": self.keys[clip.id], "rates": result.rates,
                "facts": result.facts, "flags": result.flags, "lacks": result.lacks,
            },
            encoded,
        )  # fmt: skip
        return None

    def kind(self, name: str, values: np.ndarray) -> Stored:
        """Return how values of this kind are stored."""
        shape = values.shape[1:]
        if name in (SEEN, THUMBS):
            return Stored("uint8", shape)
        if values.dtype == np.uint8:  # pixels (height, width, 3), as batches want them
            return Stored("uint8", shape, centre=CENTRE, scale=SCALE)
        return Stored("float32" if name == "audio" else self.request.settings.dtype, shape)

    def finish(self) -> tuple[FeatureStore, Quality]:
        """Write report, index and the mark of a whole store."""
        entries = {c.id: e for c in self.corpus.clips if (e := self.entry(c.id))}
        quality = Quality(
            self.corpus, self.request.settings.wanted, entries, dict(self.bad),
            sorted(self.journal.damaged & entries.keys()),
        )  # fmt: skip
        write_report(quality, self.journal, self.thumbnails(entries))
        if self.spoilt():
            untried = len(self.keys.keys() - entries.keys() - self.bad.keys())
            left = f"; {untried} were not tried" if untried else ""
            name, why = next(iter(self.bad.items()))
            raise UserError(
                f"{self.corpus.name}: {len(self.bad)} of {len(self.corpus.clips)} clips are bad, "
                f"over --max-bad {self.request.max_bad:g}{left}; {name}: {why}; all of them "
                f"stand in {self.request.out / 'report.md'}; the others are kept, and the same "
                "command goes on from them"
            )
        names = tuple(n for n in MODALITIES if any(n in e["values"] for e in entries.values()))
        if not names:
            name, why = next(iter(self.bad.items()))
            raise UserError(
                f"{self.request.corpus}: no clip could be prepared; {name}: {why}; all of them "
                f"stand in {self.request.out / 'report.md'}"
            )
        names += (SEEN,) if SEEN in self.journal.kinds else ()
        kinds = {n: self.rated(n, entries) for n in names}
        rows = [self.row(clip, entries[clip.id], names) for clip in self.corpus.clips
                if clip.id in entries]  # fmt: skip
        store = self.journal.finish(self.request.corpus, rows, names, kinds, self.corpus.classes)
        return store, quality

    def rated(self, name: str, entries: Mapping[str, dict[str, Any]]) -> Stored:
        """Return a modality's kind with its rate, where all clips have about the same."""
        source = "visual" if name == SEEN else name
        rates = {e["rates"].get(source) for e in entries.values() if name in e["values"]}
        kind = self.journal.kinds[name]
        if None in rates or max(rates) - min(rates) > RATES * max(rates):
            return kind
        counted = Counter(e["rates"][source] for e in entries.values() if name in e["values"])
        return Stored(**{**vars(kind), "rate": counted.most_common(1)[0][0]})

    def row(self, clip: Clip, entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Return a clip's row of the index."""
        flags = [*entry["flags"], *clip.flags, *(f"no {n}" for n in entry["lacks"])]
        row: dict[str, Any] = {
            "id": clip.id, "speaker": clip.speaker, "label": clip.label, "split": clip.split,
            "sentence": clip.sentence, "intensity": clip.intensity, "sex": clip.sex,
            "perceived": clip.perceived, "flags": ", ".join(flags),
        }  # fmt: skip
        for fact in FACTS:
            row[fact] = entry["facts"].get(fact)
        for name in names:
            start, length, hashed = entry["values"].get(name, (0, 0, ""))
            row |= {f"{name}_start": start, f"{name}_length": length, f"{name}_digest": hashed}
        return row

    def thumbnails(self, entries: Mapping[str, dict[str, Any]]) -> dict[str, np.ndarray]:
        """Read the faces of the contact sheet back."""
        path = self.journal.path / f"{THUMBS}.values"
        held = {n: e["values"][THUMBS][0] for n, e in entries.items() if THUMBS in e["values"]}
        if not held:
            return {}
        faces = np.fromfile(path, np.uint8).reshape(-1, THUMBNAIL, THUMBNAIL, 3)
        return {name: faces[start] for name, start in held.items()}


FACTS = (
    "audio_seconds", "level", "sample_rate", "channels", "delay", "filled", "pictures", "faces",
    "fps", "width", "height", "missing",
)  # fmt: skip


def seconds(facts: Mapping[str, Any]) -> float:
    """Return a clip's length, of its sound or else of its pictures."""
    if "audio_seconds" in facts:
        return facts["audio_seconds"]
    return facts["pictures"] / facts["fps"] if facts.get("fps") else 0.0


def key(clip: Clip) -> list[Any]:
    """Return what tells a clip's files from other versions of them: their sizes and times."""
    found: list[Any] = []
    for name, path in clip.files.items():
        try:
            stat = path.stat()
            found.append([name, path.name, stat.st_size, stat.st_mtime_ns])
        except (OSError, ValueError):  # a NUL in a name
            found.append([name, path.name, -1, -1])
    return found
