"""Clips of a folder or of a CSV that no corpus's layout describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...benchmark.contract import UserError
from ..storage import PARTS, SUFFIXES, Row, read_table
from .clips import AUDIO, VIDEO, Clip, Corpus, corpus, is_features, is_media, tree

REQUIRED = ("id", "label", "speaker")
PATHS = ("audio", "visual", "video")
SAID = ("split", "sentence", "intensity")
FIELDS = ("label", "speaker", "sentence", "intensity", "split", "id")


def listed_table(name: str, table: Path, classes: Sequence[str] = ()) -> Corpus:
    """List the clips of a CSV.

    Columns ``id``, ``label`` and ``speaker``; ``video`` (sound and pictures), or ``audio`` and
    ``visual``, with paths from the CSV's folder, none outside it; perhaps ``split``, ``sentence``
    and ``intensity``.
    """
    owner = f"{name} table {str(table)!r}"
    columns, rows = read_table(table, owner)
    for column in REQUIRED:
        if column not in columns:
            raise UserError(f"{owner}: no column {column!r}; expected {', '.join(REQUIRED)}")
    used = [column for column in PATHS if column in columns]
    if not used:
        raise UserError(f"{owner}: no column of paths; expected video, or audio and visual")
    clips = (table_clip(row, used, table.parent, owner) for row in rows)
    found = {row.cells["label"] for row in rows} - {""}
    order = classes if found <= set(classes) else ()
    return corpus(name, table.parent, clips, order, "mend the paths in the table")


def table_clip(row: Row, used: Sequence[str], root: Path, owner: str) -> Clip:
    empty = [column for column in REQUIRED if not row.cells[column]]
    said: dict[str, Any] = {column: row.cells.get(column, "") for column in SAID}
    if said["split"] and said["split"] not in PARTS:
        raise UserError(
            f"{owner}: row {row.number}: split {said['split']!r}; expected {', '.join(PARTS)}"
        )
    paths = {c: root / row.cells[c] for c in used if row.cells[c]}
    fault = "" if paths else "no path in its row; give one, or delete the row"
    if empty:
        fault = f"the {' and the '.join(empty)} in row {row.number} is empty; fill it in"
    for path in paths.values():
        if not is_media(path) and not is_features(path):
            known = ", ".join((*VIDEO, *AUDIO, *SUFFIXES))
            fault = f"{path.name} ends in {path.suffix!r}; expected {known}"
    both = paths.get("video")
    return Clip(
        row.cells["id"] or f"row {row.number}", row.cells["speaker"], row.cells["label"],
        paths.get("audio", both), paths.get("visual", both), fault=fault, **said,
    )  # fmt: skip


def listed_folder(root: Path, pattern: str) -> Corpus:
    """List the media files under a folder; files of one name in one folder are one clip.

    Parameters
    ----------
    pattern
        How a file's path under the root, without suffix, says label and speaker, such as
        ``{speaker}_{sentence}_{label}_{intensity}`` or ``{label}/{speaker}/*``; a field holds no
        ``/`` and is the shortest text that fits. ``""``: the folders are ``label/speaker``.
    """
    expression = compiled(pattern) if pattern else None
    groups: dict[str, list[Path]] = {}
    found = tree(root)
    for path in found.paths:
        if is_media(path) and not path.name.startswith("."):
            groups.setdefault(path.relative_to(root).with_suffix("").as_posix(), []).append(path)
    clips = [*folder_clips(groups, expression, pattern), *found.refused]
    mend = f"expected files that end in {', '.join(VIDEO + AUDIO)}"
    return corpus("media", root, clips, (), mend, found.notes)


def folder_clips(
    groups: dict[str, list[Path]], expression: re.Pattern[str] | None, pattern: str
) -> Iterator[Clip]:
    for name, paths in groups.items():
        videos = [p for p in paths if p.suffix.lower() in VIDEO]
        sounds = [p for p in paths if p.suffix.lower() in AUDIO]
        fault = ""
        if len(videos) > 1 or len(sounds) > 1:
            names = ", ".join(p.name for p in (videos if len(videos) > 1 else sounds))
            fault = f"{names} have one name; rename or remove one"
        match = expression.fullmatch(name) if expression else None
        if expression and match is None:
            fault = f"its path does not fit --pattern {pattern!r}; mend the pattern or the name"
        if match:
            said = match.groupdict()
        else:
            parts = name.split("/")
            said = {"label": parts[0] if len(parts) > 1 else "unknown"}
            said["speaker"] = parts[1] if len(parts) > 2 else "unknown"
        said = {"label": "unknown", "speaker": "unknown", "id": name, **said}
        video = videos[0] if videos else None
        sound = sounds[0] if sounds else video
        yield Clip(audio=sound, visual=video, fault=fault, **said)


def compiled(pattern: str) -> re.Pattern[str]:
    """Turn ``{label}/{speaker}_*`` into a regular expression."""
    parts = re.split(r"(\{[^{}]*\}|\*)", pattern)
    seen, text = set(), ""
    for part in parts:
        if part == "*":
            text += ".*"
        elif part.startswith("{"):
            field = part[1:-1]
            if field not in FIELDS or field in seen:
                raise UserError(
                    f"--pattern {pattern!r}: {{{field}}} is unknown or stands twice; expected "
                    f"{', '.join(FIELDS)}, each once"
                )
            seen.add(field)
            text += f"(?P<{field}>[^/]+?)"
        else:
            text += re.escape(part)
    return re.compile(text)
