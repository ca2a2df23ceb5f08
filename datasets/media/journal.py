"""Writing a feature store clip by clip, so that whatever kills the writer costs one clip."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from ...benchmark.contract import UserError
from ..storage.features import FORMAT, TEXT, FeatureStore, Stored, digest, write_index
from .described import check_kind
from .intact import SEAL, seal, write_text

OWN = {"store.json", SEAL, "index.parquet", "journal.jsonl", ".lock", "report.md", "faces.png"}
MOST = 2**48  # steps of a file
NOWHERE: Mapping[str, str] = MappingProxyType({})
FIELDS: Mapping[str, type] = {
    "id": str, "key": list, "rates": dict, "facts": dict, "flags": list, "lacks": dict,
    "values": dict,
}  # fmt: skip


class Journal:
    """A store that is being written.

    Values go to the end of ``NAME.values``; then a line of ``journal.jsonl`` says where they lie.
    What lies beyond the last line is cut off when the journal is opened again, and a clip whose
    values are no longer what its line says is forgotten, to be prepared again. ``store.json`` comes
    last of all: without it nobody takes the folder for a store.

    Attributes
    ----------
    entries, kinds
        By id, the line of each clip; by name, how each modality is stored.
    source
        What the clips in it were prepared from; what is prepared now, where there is none yet.
    damaged
        Ids of the clips that were forgotten.

    Raises
    ------
    UserError
        The folder holds other things, is being written by another process, or was begun with other
        settings.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], source: Mapping[str, str] = NOWHERE
    ):
        self.path, self.settings, self.source = path, dict(settings), dict(source)
        self.entries: dict[str, dict[str, Any]] = {}
        self.kinds: dict[str, Stored] = {}
        self.damaged: set[str] = set()
        self.streams: dict[str, BinaryIO] = {}
        self.make_folder()
        self.lock = self.locked()
        self.replay()

    def make_folder(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            links = sorted(p.name for p in self.path.iterdir() if p.is_symlink())
            names = {p.name for p in self.path.iterdir()}
        except (OSError, ValueError) as error:  # a NUL in its name is no OSError
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"--out {str(self.path)!r} cannot be made ({reason}); choose another"
            ) from error
        foreign = sorted(n for n in names if n not in OWN and not n.endswith((".values", ".tmp")))
        foreign = links or foreign  # writing through a link would write elsewhere
        if foreign or (names and "journal.jsonl" not in names and names != {".lock"}):
            held = foreign[0] if foreign else sorted(names)[0]
            raise UserError(
                f"--out {str(self.path)!r} holds other things ({held}); give an empty folder, or "
                "one that `bench data prepare` began"
            )

    def locked(self) -> BinaryIO:
        stream = (self.path / ".lock").open("wb")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.close()
            raise UserError(
                f"--out {str(self.path)!r} is being prepared by another process; wait for it, or "
                "choose another folder"
            ) from error
        return stream

    def replay(self) -> None:
        """Read what is done, and cut off what a killed writer left half done."""
        file = self.path / "journal.jsonl"
        content = file.read_bytes() if file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            self.check_settings(lines[0]["settings"] if lines else self.settings)
            for line in lines[1:]:
                self.note(checked(line))
            if self.entries:
                self.source = dict(lines[0].get("source", NOWHERE))
            elif lines and lines[0].get("source") != self.source:
                self.kinds.clear()
                whole, lines = b"", []  # nothing was prepared of what it was begun with
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise UserError(
                f"--out {str(self.path)!r}: journal.jsonl is damaged ({error}); delete the folder "
                "and prepare again"
            ) from error
        self.journal = file.open("r+b" if file.exists() else "w+b")
        self.journal.truncate(len(whole))
        self.journal.seek(len(whole))
        if not lines:
            self.append({"settings": self.settings, "source": self.source})
        self.forget_damaged()
        for name, kind in self.kinds.items():
            self.streams[name] = self.reopened(name, kind)

    def check_settings(self, begun: Mapping[str, Any]) -> None:
        known = {*self.settings, *begun}
        changed = sorted(k for k in known if self.settings.get(k) != begun.get(k))
        if changed:
            raise UserError(
                f"--out {str(self.path)!r} was begun with other settings ({', '.join(changed)}); "
                "give the same ones, or choose another folder"
            )

    def forget_damaged(self) -> None:
        """Forget the clips whose values are not those that were written."""
        for name, kind in self.kinds.items():
            path = self.path / f"{name}.values"
            steps = path.stat().st_size // kind.step if path.exists() else 0
            shape = (steps, *kind.shape)
            held = np.memmap(path, kind.dtype, "r", shape=shape) if steps else np.zeros(shape)
            for clip, entry in self.entries.items():
                start, length, said = entry["values"].get(name, (0, 0, None))
                if said is not None and digest(held[start : start + length]) != said:
                    self.damaged.add(clip)
        for clip in self.damaged:
            del self.entries[clip]

    def reopened(self, name: str, kind: Stored) -> BinaryIO:
        """Open a file of values behind the last clip; a file that ends there is not touched."""
        ends = [e["values"][name] for e in self.entries.values() if name in e["values"]]
        size = max((start + length for start, length, _ in ends), default=0) * kind.step
        path = self.path / f"{name}.values"
        stream = path.open("r+b" if path.exists() else "w+b")
        if path.stat().st_size != size:
            stream.truncate(size)
        stream.seek(size)
        return stream

    def note(self, line: dict[str, Any]) -> None:
        if "kind" in line:
            self.kinds[line["name"]] = check_kind(line["name"], line["kind"])
            return
        for name, (start, length, _) in line["values"].items():
            if name not in self.kinds or type(start) is not int or type(length) is not int:
                raise ValueError(f"the place of {name!r} in {line['id']!r}")
            if not 0 <= start <= start + length < MOST:
                raise ValueError(f"the place of {name!r} in {line['id']!r}")
        self.entries[line["id"]] = line

    def append(self, line: Mapping[str, Any]) -> None:
        self.journal.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.journal.flush()

    def kind(self, name: str, kind: Stored) -> Stored:
        """Return how a modality is stored; the first clip that has it decides."""
        if name not in self.kinds:
            line = {"name": name, "kind": {**vars(kind), "shape": list(kind.shape)}}
            self.streams[name] = (self.path / f"{name}.values").open("w+b")
            self.append(line)
            self.note(line)
        return self.kinds[name]

    def put(self, entry: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
        """Append a clip's encoded values, and then say so.

        Parameters
        ----------
        entry
            JSON of the clip, with its ``id``.
        values
            (T, *shape) of each modality, whose kind is known.
        """
        places = {}
        for name, array in values.items():
            stream, step = self.streams[name], self.kinds[name].step
            start = stream.tell() // step
            stream.write(np.ascontiguousarray(array).data)
            stream.flush()
            places[name] = [start, len(array), digest(array)]
        line = {**entry, "values": places}
        self.append(line)
        self.note(line)

    def unfinish(self) -> None:
        """Take the mark of a whole store away, while it is written to."""
        (self.path / "store.json").unlink(missing_ok=True)

    def finish(
        self, corpus: str, rows: list[dict[str, Any]], names: tuple[str, ...],
        kinds: Mapping[str, Stored], classes: tuple[str, ...],
    ) -> FeatureStore:  # fmt: skip
        """Write index and ``store.json``, and open what was written."""
        for row in rows:
            for column in TEXT:
                row.setdefault(column, "")
        write_index(self.path / "index.parquet.tmp", rows)
        (self.path / "index.parquet.tmp").replace(self.path / "index.parquet")
        meta = {
            "format": FORMAT,
            "corpus": corpus,
            "classes": list(classes),
            "modalities": {n: {**vars(kinds[n]), "shape": list(kinds[n].shape)} for n in names},
            "settings": self.settings,
            "content": "",
        }
        self.describe(meta)
        store = FeatureStore(self.path)
        self.describe({**meta, "content": store.fingerprint()})
        seal(self.path, names)
        return store

    def describe(self, meta: Mapping[str, Any]) -> None:
        text = json.dumps(meta, indent=1, ensure_ascii=False)
        write_text(self.path / "store.json", text)

    def close(self) -> None:
        for stream in (self.journal, *self.streams.values()):
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
        self.lock.close()


def checked(line: Any) -> dict[str, Any]:
    """Return a line of the journal, or raise ValueError where a clip's has not all its fields."""
    if "kind" not in line:
        wrong = [name for name, kind in FIELDS.items() if type(line.get(name)) is not kind]
        texts = [*line.get("flags", ()), *line.get("lacks", {}).values()]
        if wrong or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"a clip's line without {', '.join(wrong) or 'text'}")
    return line
