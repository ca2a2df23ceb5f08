"""Anybody's data: a CSV that names files of features."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ..benchmark.contract import Example, FusionDataset, Modality, Split, Task, UserError
from ..benchmark.registry import dataset
from .storage import PARTS, REQUIRED, Listing, Row, draw_speakers, read_steps, read_table

LONG = 120  # characters of a path in a message
HELD = 0.15  # share of the speakers in validation, and in test


@dataclass(frozen=True)
class Scan:
    """What one reading of a file left: its steps, the shape of one, and a hash of the values."""

    steps: int
    shape: tuple[int, ...]
    digest: str


@dataset(
    "manifest",
    source="a CSV of your own and the files that it names",
    argument="path",
    local=True,
)
class Manifest(FusionDataset):
    """Anybody's data, from a CSV that names .npy, .npz, .safetensors or .parquet files.

    Columns ``id``, ``label`` and ``speaker``; perhaps ``split`` (train, valid or test); every
    other column is a modality, in the order of the columns. Its cells are paths, absolute or from
    the CSV's folder; an empty cell says that the example lacks the modality. An array is (T, D),
    (D,) for a single step, or (T, C, H, W) for image frames. Nothing is ever unpickled.

    Without a ``split`` column each seed draws 70/15/15 of the speakers, no speaker in two parts,
    every class among the training ones. With it every seed has the given parts; where no row is
    ``valid``, each seed draws about 15 of 85 of the training speakers for it. ``leaks`` says
    whether a speaker of the given test part stands in another part.

    The constructor reads every file once, so that a fault ends a run before anything is trained.

    Raises
    ------
    UserError
        Whatever is wrong with the CSV, a row of it or a file that it names, with the row's number
        (the header is row 1).
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of a manifest.

        Parameters
        ----------
        path
            The CSV file.
        kind
            ``"classification"``, or ``"regression"`` of the number in ``label``.
        classes
            The classes in their order; all labels of the file, sorted, where none is given.
        rates
            Steps per second (Hz) of each modality in the order of the columns; 0 where time has no
            unit.
        """

        path: str = ""
        kind: Literal["classification", "regression"] = "classification"
        classes: tuple[str, ...] = ()
        rates: tuple[float, ...] = ()

    name = "manifest"
    needs_root: ClassVar[bool] = False

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        if not config.path:
            raise UserError("dataset 'manifest' needs its path: 'manifest:path/to/file.csv'")
        self.name = f"manifest:{config.path}"
        owner = f"manifest {config.path!r}"
        try:
            self.listing = Listing(owner, *read_table(Path(config.path), owner))
        except OSError as error:
            said = f"manifest {shortened(config.path)!r} is no path ({error.strerror})"
            raise UserError(f"{said}; expected the path of a CSV file") from error
        self.listing.check()
        self.check_rates()
        self.ids, self.groups = self.listing.ids, self.listing.speakers
        outputs, self.labels = self.listing.labels(config.kind, config.classes)
        self.given = self.listing.parts() if self.listing.has_split else None
        self.describe_protocol()
        self.scans = self.scan()
        self.task = Task(self.modalities(), outputs, config.kind)

    def check_rates(self) -> None:
        """Raise UserError unless every modality has a rate, or none has."""
        rates, names = self.config.rates, self.listing.modalities
        if rates and len(rates) != len(names):
            raise self.listing.fault(
                f"rates={rates} are {len(rates)} for {len(names)} modalities "
                f"({', '.join(names)}); give one for each, or none"
            )
        if not all(math.isfinite(rate) and rate >= 0 for rate in rates):
            raise self.listing.fault(f"rates={rates}; expected Hz, or 0 where time has no unit")

    def describe_protocol(self) -> None:
        """Say how the parts are made; raise UserError where there are too few speakers to."""
        if self.given is None:
            self.design = "re-drawn"
            self.protocol = "70/15/15 of the speakers, disjoint, drawn per seed"
            self.need_speakers(np.arange(len(self)), 3, "speakers")
            return
        speakers = {part: set(np.asarray(self.groups)[self.given[part]]) for part in PARTS}
        self.leaks = bool(speakers["test"] & (speakers["train"] | speakers["valid"]))
        self.protocol = "split given by the manifest"
        if len(self.given["valid"]) == 0:
            self.protocol += "; validation speakers drawn per seed from the training ones"
            self.need_speakers(self.given["train"], 2, "training speakers (no row is 'valid')")

    def need_speakers(self, positions: np.ndarray, least: int, what: str) -> None:
        """Raise UserError where parts without a common speaker cannot be drawn."""
        found = np.unique(np.asarray(self.groups)[positions])
        if len(found) < least:
            raise self.listing.fault(
                f"{len(found)} {what}; expected {least} or more, to draw parts that share none"
            )

    def read(self, row: Row, name: str) -> np.ndarray:
        """Return the steps (T, *shape) float32 of one cell's file."""
        try:
            return read_steps(self.path(row, name))
        except (OSError, ValueError) as error:
            fault = error if isinstance(error, ValueError) else f"is no path ({error.strerror})"
            cell = shortened(row.cells[name])
            raise self.listing.fault(f"{name} file {cell!r} {fault}", row) from error

    def path(self, row: Row, name: str) -> Path:
        """Return one cell's file."""
        return Path(self.config.path).parent / row.cells[name]

    def scan(self) -> dict[str, list[Scan | None]]:
        """Read every file once; the steps of one modality have the shape of its first row's."""
        done: dict[Path, Scan] = {}
        first: dict[str, tuple[Row, Scan]] = {}
        scans: dict[str, list[Scan | None]] = {name: [] for name in self.listing.modalities}
        for row in self.listing.rows:
            for name in self.listing.modalities:
                if not row.cells[name]:
                    scans[name].append(None)
                    continue
                path = self.path(row, name)
                if path not in done:
                    values = self.read(row, name)
                    digest = hashlib.blake2b(values.tobytes(), digest_size=16).hexdigest()
                    done[path] = Scan(len(values), values.shape[1:], digest)
                found = done[path]
                leader, expected = first.setdefault(name, (row, found))
                if found.shape != expected.shape:
                    raise self.listing.fault(
                        f"{name} file {row.cells[name]!r} has steps of shape {found.shape}, row "
                        f"{leader.number} of {expected.shape}; make all alike",
                        row,
                    )
                scans[name].append(found)
        return scans

    def modalities(self) -> dict[str, Modality]:
        """Return shape, longest length and rate of each column."""
        rates = self.config.rates or (0.0,) * len(self.scans)
        found = {name: [scan for scan in scans if scan] for name, scans in self.scans.items()}
        return {
            name: Modality(scans[0].shape, max(scan.steps for scan in scans), rate or None)
            for (name, scans), rate in zip(found.items(), rates, strict=True)
        }

    def fingerprint(self) -> str:
        """Hash the values of all files, and what the table and the settings say of them.

        The same values in other files, formats or folders have the same fingerprint.
        """
        values = {
            name: [scan and [scan.shape, scan.steps, scan.digest] for scan in scans]
            for name, scans in self.scans.items()
        }
        columns = [name for name in (*REQUIRED, "split") if name in self.listing.columns]
        cells = [[row.cells[name] for name in columns] for row in self.listing.rows]
        task = [
            self.config.kind,
            self.task.outputs,
            [m.rate for m in self.task.modalities.values()],
        ]
        text = json.dumps([task, columns, cells, list(values.items())])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:  # noqa: ARG002
        if self.given is None:
            return Split(*self.drawn(rng, np.arange(len(self)), (HELD, HELD)))
        train, valid, test = (self.given[part] for part in PARTS)
        if len(valid) == 0:
            train, valid = self.drawn(rng, train, (HELD / (1 - HELD),))
        return Split(train, valid, test)

    def drawn(
        self, rng: np.random.Generator, positions: np.ndarray, shares: tuple[float, ...]
    ) -> list[np.ndarray]:
        """Hold out shares of the speakers of some examples; the training ones come first."""
        groups, classes = np.asarray(self.groups)[positions], self.classes(positions)
        parts = draw_speakers(rng, groups, shares, lambda p: self.classes(positions[p]) == classes)
        if parts is None:
            raise self.listing.fault(
                "no draw of validation and test speakers in 100 leaves every class a training "
                "example; add speakers of the rare classes, or give a split column"
            )
        return [positions[part] for part in parts]

    def classes(self, positions: np.ndarray) -> set[int]:
        """Return the classes of some examples; a regression has none."""
        return set() if self.task.kind == "regression" else set(self.labels[positions].tolist())

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            row = self.listing.rows[position]
            yield {n: self.read(row, n) if row.cells[n] else None for n in self.listing.modalities}


def shortened(path: str) -> str:
    """Return the end of a path that is too long for a message."""
    return path if len(path) <= LONG else f"...{path[-LONG:]}"
