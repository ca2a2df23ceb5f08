"""Public feature sets, read as their authors publish them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ..benchmark.contract import Example, FusionDataset, Modality, Split, Task, UserError
from ..benchmark.registry import dataset
from .public_sets.contents import PARTS, Contents
from .public_sets.faults import UnreadableError
from .public_sets.hdf5 import read_folder
from .public_sets.pickled import read_pickled
from .public_sets.steps import cuts, steps
from .public_sets.targets import Asked, Scale, Target, target

UNKNOWN = "unknown"
CLIP = re.compile(r"(.+?)(?:\$_\$.*|\[\d+\])$|(.{11,})_\d+$")
"""A clip's name after its video: ``video$_$clip`` (MMSA), ``video[3]``, or, after the 11 characters
of YouTube's ids, ``video_3`` (MOSI in MulT's file)."""


@dataset(
    "public",
    source="CMU-MOSI, CMU-MOSEI, CH-SIMS, IEMOCAP and others: files of MMSA, MulT and MFN",
    argument="path",
    local=True,
)
class Public(FusionDataset):
    """A published feature set: a pickle of MMSA or MulT, or a folder of MFN's HDF5 files.

    The format is told from the content. A pickle is read as data: arrays, numbers and containers,
    and no name that it asks for is imported. The parts are the published ones. ``text``, ``audio``
    and ``visual`` have no padding: see :func:`.public_sets.steps.cuts`.

    COVAREP's audio holds -inf and NaN where there is no voice. They are set to 0, as in the code of
    the authors (MulT and MMSA for -inf, MFN for NaN too), and ``protocol``, which every record
    keeps, says how many. An example whose modality is nothing but zeros lacks it; they are counted
    there as well.

    Groups are the videos that the ids name; ``leaks`` says whether one stands in the test part and
    in another (SIMS: clips of one video are in all parts). Files without ids (MFN, IEMOCAP) leave
    one group, ``unknown``, and the protocol says that nobody can tell.

    Raises
    ------
    UserError
        No file at the path, a format that is none of these, damage, a name that the pickle must not
        ask for, labels that the task does not have.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of a published set.

        Parameters
        ----------
        path
            The pickle, or the folder of HDF5 files.
        task
            ``"regression"`` of the sentiment, or its classes: ``"negative-nonnegative"``,
            ``"negative-positive"`` (without 0), ``"three"`` (by sign), ``"seven"`` (rounded);
            ``"emotion"`` (IEMOCAP: the one of four that is present) or whether one is present:
            ``"neutral"``, ``"happy"``, ``"sad"``, ``"angry"``. ``"auto"`` is the first that the
            labels allow.
        scale
            Sentiment in [-3, 3] (``"3"``), [-1, 1] (``"1"``), or no sentiment but another number
            (``"none"``). ``"auto"``: 1 in SIMS; elsewhere 3 unless a label is beyond.
        labels
            Whose labels: ``"M"``, or in SIMS those of ``"T"``, ``"A"`` or ``"V"`` alone.
        modalities
            Which to use; all where none is given.
        widths
            Columns of text, audio and visual in MFN's ``X_train.h5``.
        """

        path: str = ""
        task: Asked = "auto"
        scale: Scale = "auto"
        labels: Literal["M", "T", "A", "V"] = "M"
        modalities: tuple[str, ...] = ()
        widths: tuple[int, ...] = (300, 5, 20)

    name = "public"
    needs_root: ClassVar[bool] = False

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        if not config.path:
            raise UserError("dataset 'public' needs its path: 'public:path/to/mosi_data.pkl'")
        self.name = f"public:{config.path}"
        try:
            self.contents = self.read(found(config.path))
            parts = [self.contents.parts[name] for name in PARTS]
            joined = np.concatenate([part.labels for part in parts])
            told = target(joined, config.task, self.contents.greatest, config.scale)
        except UnreadableError as error:
            raise UserError(f"public set {config.path!r} {error}") from error
        self.names = self.chosen()
        self.cuts = {name: cuts(part) for name, part in self.contents.parts.items()}
        self.rows = self.place(told)
        kept = np.flatnonzero(told.kept)
        self.labels = told.labels[kept]
        self.ids, self.groups = self.named()
        self.task = Task({n: self.modality(n) for n in self.names}, told.outputs, told.kind)
        self.describe(told)

    def read(self, path: Path) -> Contents:
        """Read the file or the folder, whichever it is."""
        if path.is_dir():
            if self.config.labels != "M":
                raise UnreadableError(f"has no labels of one modality ({self.config.labels!r})")
            return read_folder(path, self.config.widths)
        if not path.is_file():
            raise UnreadableError("does not exist; expected a pickle, or a folder of HDF5 files")
        if path.suffix in (".h5", ".hdf5"):
            raise UnreadableError("is one file of an HDF5 set; give the folder that it is in")
        return read_pickled(path, self.config.labels)

    def chosen(self) -> tuple[str, ...]:
        """Return the modalities to use, in the file's order."""
        known = tuple(self.contents.parts["train"].values)
        for name in self.config.modalities:
            if name not in known:
                raise self.fault(f"has no modality {name!r}; it has {', '.join(known)}")
        return tuple(n for n in known if n in (self.config.modalities or known))

    def fault(self, message: str) -> UserError:
        return UserError(f"public set {self.config.path!r} {message}")

    def place(self, told: Target) -> list[tuple[str, int]]:
        """Return part and row of each example that has a label, and note where parts begin."""
        rows, self.given = [], {}
        at = 0
        for name in PARTS:
            size = len(self.contents.parts[name])
            kept = np.flatnonzero(told.kept[at : at + size])
            self.given[name] = np.arange(len(rows), len(rows) + len(kept))
            rows += [(name, int(row)) for row in kept]
            at += size
        return rows

    def named(self) -> tuple[list[str], list[str]]:
        """Return ids and videos."""
        ids, videos = [], []
        for name, row in self.rows:
            known = self.contents.parts[name].ids
            ids.append(spelled(known[row]) if known else f"{name}-{row + 1}")
            videos.append(video(known[row][0]) if known else UNKNOWN)
        return ids, videos

    def modality(self, name: str) -> Modality:
        shape = self.contents.parts["train"].values[name].shape[2:]
        longest = max(int((c[name].stop - c[name].start).max()) for c in self.cuts.values())
        if not longest:
            raise self.fault(f"has nothing but zeros in {name}; leave it out with modalities=")
        return Modality(shape, longest)

    def describe(self, told: Target) -> None:
        """Say where the parts come from, what was repaired and what is missing."""
        whose = {name: set(np.asarray(self.groups)[self.given[name]]) for name in PARTS}
        known = all(part.ids for part in self.contents.parts.values())
        self.leaks = known and bool(whose["test"] & (whose["train"] | whose["valid"]))
        said = [f"parts given by the file ({self.contents.format})"]
        if not known:
            said.append("the file has no ids, so nobody can tell whether speakers leak")
        for name in self.names:
            spoiled = sum(int(self.cuts[part][name].spoiled[row]) for part, row in self.rows)
            absent = sum(bool(self.length(part, row, name) == 0) for part, row in self.rows)
            if spoiled:
                said.append(f"{spoiled:,} numbers of {name} that are not finite set to 0")
            if absent:
                said.append(f"{absent:,} examples lack {name}")
        self.protocol = "; ".join([*said, *([told.left_out] if told.left_out else [])])

    def length(self, part: str, row: int, name: str) -> int:
        cut = self.cuts[part][name]
        return int(cut.stop[row] - cut.start[row])

    def fingerprint(self) -> str:
        """Hash the examples as methods see them, labels, ids, videos and parts.

        The same examples in another format or file have the same fingerprint.
        """
        total = hashlib.blake2b(digest_size=16)
        parts = [len(self.given[name]) for name in PARTS]
        shapes = {name: [m.shape, m.max_length] for name, m in self.task.modalities.items()}
        total.update(repr([self.task.outputs, shapes, self.ids, self.groups, parts]).encode())
        total.update(np.ascontiguousarray(self.labels).tobytes())
        for example in self.examples(np.arange(len(self))):
            for values in example.values():
                total.update(str(None if values is None else len(values)).encode())
                total.update(b"" if values is None else values.tobytes())
        return total.hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        return Split(*(self.given[name] for name in PARTS))

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            name, row = self.rows[position]
            yield steps(self.contents.parts[name], self.cuts[name], row, self.names)


def found(path: str) -> Path:
    """Return the path of a set; ``~`` is the home folder."""
    try:
        known = Path(path).expanduser()
        with suppress(FileNotFoundError):
            known.stat()
        return known
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such home, a NUL
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"is no path ({reason}); expected a pickle, or a folder") from error


def spelled(columns: Sequence[str]) -> str:
    """Return an id: the name, and the times in it where the file has them."""
    name, *times = columns
    return f"{name}[{','.join(times)}]" if times else name


def video(name: str) -> str:
    """Return the video of a clip."""
    found = CLIP.fullmatch(name)
    return (found[1] or found[2]) if found else name
