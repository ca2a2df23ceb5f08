"""What a preparation found: a report in Markdown with a contact sheet of faces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .clips import Corpus
from .intact import write_text
from .journal import Journal

ACROSS = 12  # faces in a row of the contact sheet
LISTED = 200  # clips with a fault that are named


@dataclass(frozen=True)
class Quality:
    """Facts of all clips of a corpus.

    Parameters
    ----------
    corpus, wanted
        What was prepared, and the modalities asked for.
    entries
        By id, what the journal holds of each clip that is in the store.
    bad
        By id, why a clip was left out or what it lacks.
    mended
        Ids of the clips whose values an earlier run wrote and that were found changed.
    """

    corpus: Corpus
    wanted: tuple[str, ...]
    entries: Mapping[str, Mapping[str, Any]]
    bad: Mapping[str, str]
    mended: Sequence[str] = ()

    def fact(self, name: str) -> np.ndarray:
        """Return one fact of all clips that have it."""
        found = (e["facts"].get(name) for e in self.entries.values())
        return np.array([value for value in found if value is not None], float)

    def flagged(self) -> dict[str, list[str]]:
        """Return the clips of each flag."""
        found: dict[str, list[str]] = {}
        for clip in self.corpus.clips:
            if clip.id in self.entries:
                for flag in (*self.entries[clip.id]["flags"], *clip.flags):
                    found.setdefault(flag, []).append(clip.id)
        return dict(sorted(found.items()))

    @property
    def faces(self) -> float | None:
        """Share of all pictures in which a face was seen; None without pictures."""
        pictures, share = self.fact("pictures"), self.fact("faces")
        return float((pictures * share).sum() / pictures.sum()) if pictures.sum() else None


def write_report(quality: Quality, journal: Journal, faces: Mapping[str, np.ndarray]) -> None:
    """Write ``report.md`` and, where there are faces, ``faces.png``."""
    sheet = journal.path / "faces.png"
    sheet.unlink(missing_ok=True)
    if faces:
        from PIL import Image

        Image.fromarray(contact_sheet(list(faces.values()))).save(sheet)
    write_text(journal.path / "report.md", markdown(quality, list(faces)))


def contact_sheet(faces: Sequence[np.ndarray]) -> np.ndarray:
    """Put faces (side, side, 3) uint8 side by side on white."""
    side = faces[0].shape[0]
    down, across = -(-len(faces) // ACROSS), min(ACROSS, len(faces))
    sheet = np.full((down * (side + 4) + 4, across * (side + 4) + 4, 3), 255, np.uint8)
    for place, face in enumerate(faces):
        y, x = (4 + (side + 4) * v for v in divmod(place, ACROSS))
        sheet[y : y + side, x : x + side] = face
    return sheet


def markdown(quality: Quality, shown: Sequence[str]) -> str:
    """Return the report."""
    corpus, entries = quality.corpus, quality.entries
    clips = [clip for clip in corpus.clips if clip.id in entries]
    out = len([n for n in quality.bad if n not in entries])
    lines = [
        f"# {corpus.name}: {len(clips)} clips prepared",
        "",
        f"{len(clips)} of {len(corpus.clips)} clips are in the store, {out} are left out, "
        f"{len(quality.bad) - out} lack a modality.",
        "",
        *table(("what", "clips", "least", "mean", "most", "in all"), measures(quality)),
        "",
        *notes(quality),
        f"## Clips per class ({len({c.label for c in clips})})",
        "",
        *table(("class", "clips", "speakers"), per_class(quality)),
        "",
        f"## Clips per speaker ({len({c.speaker for c in clips})})",
        "",
        *table(("speaker", "clips", "classes"), per_speaker(quality)),
        "",
    ]
    if shown:
        lines += [
            "## Faces", "",
            "![contact sheet](faces.png)", "",
            f"The face in the middle of {len(shown)} clips, row by row from "
            f"{escaped(shown[0])} to {escaped(shown[-1])}.", "",
        ]  # fmt: skip
    for flag, names in quality.flagged().items():
        lines += [f"## {flag.capitalize()} ({len(names)})", ""]
        lines += [", ".join(map(escaped, names[:LISTED])) + rest(names), ""]
    lines += [f"## Left out or incomplete ({len(quality.bad)})", ""]
    if not quality.bad:
        return "\n".join([*lines, "None."])
    faults = sorted(quality.bad.items())
    rows = [
        (name, "incomplete" if name in entries else "left out", why)
        for name, why in faults[:LISTED]
    ]
    return "\n".join([*lines, *table(("clip", "what", "why"), rows), rest(faults)]).rstrip()


def rest(names: Sequence[Any]) -> str:
    return f" and {len(names) - LISTED} more" if len(names) > LISTED else ""


def measures(quality: Quality) -> list[tuple[str, ...]]:
    """Return rows of the durations, levels and sizes."""
    rows = []
    for name, what, total in (
        ("audio_seconds", "audio, s", True), ("level", "level, dB of full scale", False),
        ("delay", "sound after the first picture, s", False),
        ("filled", "silence in place of gaps, s", True),
        ("pictures", "pictures", True), ("missing", "pictures missing in freezes", True),
        ("fps", "pictures per second", False),
        ("faces", "share of pictures with a face", False), ("width", "width, pixels", False),
        ("sample_rate", "sample rate, Hz", False), ("channels", "channels", False),
    ):  # fmt: skip
        found = quality.fact(name)
        if len(found):
            cells = (f"{v:.4g}" for v in (found.min(), found.mean(), found.max()))
            rows.append((what, str(len(found)), *cells, f"{found.sum():.0f}" if total else ""))
    for name in quality.wanted:
        steps = np.array([e["values"][name][1] for e in quality.entries.values()
                          if name in e["values"]])  # fmt: skip
        if len(steps):
            cells = (str(steps.min()), f"{steps.mean():.4g}", str(steps.max()))
            rows.append((f"{name}, steps", str(len(steps)), *cells, str(steps.sum())))
    return rows


def notes(quality: Quality) -> list[str]:
    """Return what a reader should know before using the store."""
    said = [escaped(note) for note in quality.corpus.notes]
    if quality.faces is not None:
        without = round((1 - quality.faces) * quality.fact("pictures").sum())
        said.append(
            f"A face was seen in {100 * quality.faces:.2f} % of the pictures. In the {without} "
            "others it is interpolated from the pictures around; `face` in the store says where."
        )
    if len({round(v, 1) for v in quality.fact("fps")}) > 1:
        said.append("The clips have different numbers of pictures per second; --fps evens them.")
    if quality.mended:
        names = ", ".join(map(escaped, quality.mended[:LISTED])) + rest(quality.mended)
        said.append(
            f"The values of {len(quality.mended)} clips were no longer those that an earlier run "
            f"wrote, and were prepared again: {names}."
        )
    labels = {c.label for c in quality.corpus.clips if c.id in quality.entries}
    speakers = {c.speaker for c in quality.corpus.clips if c.id in quality.entries}
    if len(labels) < 2:
        said.append("All clips have one label: nothing can be trained on it.")
    if len(speakers) < 3:
        said.append("Fewer than three speakers: no split can keep them apart.")
    return [line for note in said for line in (note, "")]


def per_class(quality: Quality) -> list[tuple[str, ...]]:
    clips = [c for c in quality.corpus.clips if c.id in quality.entries]
    count = Counter(c.label for c in clips)
    return [
        (label, str(count[label]), str(len({c.speaker for c in clips if c.label == label})))
        for label in sorted(count)
    ]


def per_speaker(quality: Quality) -> list[tuple[str, ...]]:
    clips = [c for c in quality.corpus.clips if c.id in quality.entries]
    count = Counter(c.speaker for c in clips)
    classes = Counter(speaker for speaker, _ in {(c.speaker, c.label) for c in clips})
    return [(name, str(count[name]), str(classes[name])) for name in sorted(count)]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join(header)} |", f"| {' | '.join('---' for _ in header)} |"]
    return lines + [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in rows]


def escaped(text: str) -> str:
    """Keep a name from being read as Markdown or HTML."""
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "\\`"), ("[", "\\[")):
        text = text.replace(sign, safe)
    return " ".join(text.split())
