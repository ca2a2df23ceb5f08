"""What travels to the nodes: plugin files by their text, and a dataset by its examples.

Both are kept on a node under a hash of their content, in a folder of the temporary directory that
this user alone can read; all workers of the node map the same files. Whoever removes it costs the
next run the sending.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..contract import Example, FusionDataset
from ..contract.errors import UserError
from ..registry import DatasetEntry, datasets, load_plugin

ABSENT = -1  # in the place of its length, where an example lacks a modality


@dataclass(frozen=True)
class Plugin:
    """A plugin file: its text, and the name of its module, which a digest and a pickle rest on."""

    module: str
    file: str
    text: bytes

    @classmethod
    def of(cls, path: str) -> Plugin:
        file = Path(path).resolve()
        return cls(load_plugin(file), file.name, file.read_bytes())

    def land(self) -> tuple[str, str]:
        """Write the file on this machine; return its path and its module."""
        key = hashlib.sha256(self.file.encode() + b"\0" + self.text).hexdigest()[:16]
        folder = landed(key, lambda new: (new / self.file).write_bytes(self.text))
        return str(folder / self.file), self.module


@dataclass(frozen=True)
class Packed:
    """A dataset as it travels: the object, without its files, and all its examples.

    Parameters
    ----------
    key
        Hash of what determines it: its fingerprint, its settings and its code.
    name
        The registered name under which it is opened.
    pickled
        The dataset. Memory maps in it are left behind: they hold what ``values`` holds.
    values, lengths
        For each modality the steps (sum of T, *shape) of all examples on end, and the steps (N,)
        int64 of each.
    """

    key: str
    name: str
    pickled: bytes
    values: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]

    @classmethod
    def of(cls, dataset: FusionDataset, source: str, code: str) -> Packed:
        """Pack a dataset; all its examples are held in memory meanwhile.

        Raises
        ------
        UserError
            It holds something that cannot be pickled.
        """
        asked = [dataset.fingerprint(), source, repr(dataset.config), code]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        steps: dict[str, list[np.ndarray]] = {name: [] for name in dataset.task.names}
        lengths = {name: np.full(len(dataset), ABSENT) for name in dataset.task.names}
        for index, example in enumerate(dataset.examples(np.arange(len(dataset)))):
            for name in steps:
                shown = example[name]
                if shown is not None:
                    steps[name].append(np.asarray(shown))
                    lengths[name][index] = len(shown)
        values = {}
        for name, modality in dataset.task.modalities.items():
            empty = np.zeros((0, *modality.shape), np.float32)
            values[name] = np.concatenate(steps.pop(name) or [empty])
        return cls(key, source.partition(":")[0], pickled(dataset), values, lengths)

    def land(self) -> Path:
        """Write the dataset on this machine; return its folder."""

        def write(folder: Path) -> None:
            (folder / "dataset.pickle").write_bytes(self.pickled)
            for position, name in enumerate(self.values):
                np.save(folder / f"{position}.values.npy", self.values[name])
                np.save(folder / f"{position}.lengths.npy", self.lengths[name])

        return landed(self.key, write)


@dataclass(frozen=True)
class Freight:
    """What has landed on a node, for the process that trains there."""

    plugins: tuple[tuple[str, str], ...]
    folder: Path | None = None
    name: str = ""

    def unload(self) -> None:
        """Register the plugins, and the dataset in the place of the one that reads files."""
        for path, module in self.plugins:
            load_plugin(path, module)
        if self.folder is not None:
            entry = datasets[self.name]
            datasets.replace(self.name, replace(entry, cls=stand_in(entry, self.folder)))


def stand_in(entry: DatasetEntry, folder: Path) -> type:
    """Return what the registry calls for a dataset: any call gives the one that has landed."""
    dataset: FusionDataset = pickle.loads((folder / "dataset.pickle").read_bytes())
    columns = {}
    for position, name in enumerate(dataset.task.names):
        values = np.load(folder / f"{position}.values.npy", mmap_mode="r")
        lengths = np.load(folder / f"{position}.lengths.npy")
        columns[name] = values, lengths, np.cumsum([0, *np.maximum(lengths, 0)])

    def examples(positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            yield {
                name: None if lengths[position] == ABSENT else values[slice(*ends[position:][:2])]
                for name, (values, lengths, ends) in columns.items()
            }

    vars(dataset)["examples"] = examples
    settings: type[Any] = entry.cls.Config
    return type("Landed", (), {"Config": settings, "__new__": lambda _, *__: dataset})


def pickled(dataset: FusionDataset) -> bytes:
    """Pickle a dataset without the files that it maps."""
    file = io.BytesIO()
    try:
        WithoutMaps(file, pickle.HIGHEST_PROTOCOL).dump(dataset)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise UserError(
            f"dataset {dataset.name!r} cannot be sent to the nodes ({error}); leave out "
            f"--ship-data, and put its files on every node"
        ) from error
    return file.getvalue()


class WithoutMaps(pickle.Pickler):
    """Leaves the content of memory-mapped arrays behind."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.memmap):
            return np.zeros, ((0, *obj.shape[1:]), obj.dtype)
        return NotImplemented


def landed(key: str, write: Callable[[Path], object]) -> Path:
    """Return the folder of a key on this machine, written if it is not there; it is whole."""
    place = harbour() / key
    if not place.is_dir():
        new = Path(tempfile.mkdtemp(dir=place.parent, prefix="."))
        try:
            write(new)
            new.rename(place)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            if not place.is_dir():  # else another worker of this node was first
                raise
    return place


def harbour() -> Path:
    """Return this user's own folder for what lands on this machine."""
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"fusemark-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != user or found.st_mode & 0o077 or folder.is_symlink():
        raise UserError(f"{str(folder)!r} can be written by others; remove it on that machine")
    return folder


def reads_files(source: str) -> bool:
    """Say whether a dataset, or the one that it resamples, has files of its own."""
    return any(entry.local or entry.cls.needs_root for entry, _ in chain(source))


def absolute(source: str) -> str:
    """Return a dataset's source with its path from the root on: nodes have other folders."""
    parts = list(chain(source))
    entry, argument = parts[-1]
    if not (entry.local and argument):
        return source
    return source.removesuffix(argument) + str(Path(argument).resolve())


def chain(source: str) -> Iterator[tuple[DatasetEntry, str]]:
    """Yield a dataset's entry with its argument, and those of the datasets that it is made of."""
    base, _, argument = source.partition(":")
    entry = datasets[base]
    yield entry, argument
    if not entry.local and argument and argument.partition(":")[0] in datasets:
        yield from chain(argument)
