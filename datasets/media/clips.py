"""A corpus as a list of clips: who speaks, what is to be told, and which files hold it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from ...benchmark.contract import UserError
from ..storage import SUFFIXES
from .faults import LARGEST_POINTER, pointed

VIDEO = (
    ".flv", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".3gp", ".wmv",
)  # fmt: skip
AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma")
MODALITIES = ("audio", "visual")


@dataclass(frozen=True)
class Clip:
    """One example before it is prepared.

    Parameters
    ----------
    id, speaker, label
        As the index will hold them.
    audio, visual
        The files that hold the sound and the pictures, perhaps one and the same; None where the
        corpus has none. A file of features (.npy, .npz, .safetensors, .parquet) is taken as it is.
    split, sentence, intensity, sex
        ``""`` where the corpus does not say; sex is the speaker's.
    perceived
        The label that most raters gave; ``""`` for a tie, or where the corpus has no raters.
    fault
        Why the clip cannot be used, found while listing.
    flags
        What the report says of the clip, found while listing.
    """

    id: str
    speaker: str
    label: str
    audio: Path | None = None
    visual: Path | None = None
    split: str = ""
    sentence: str = ""
    intensity: str = ""
    sex: str = ""
    perceived: str = ""
    fault: str = ""
    flags: tuple[str, ...] = ()

    @property
    def files(self) -> dict[str, Path]:
        found = {"audio": self.audio, "visual": self.visual}
        return {name: path for name, path in found.items() if path is not None}


@dataclass(frozen=True)
class Corpus:
    """The clips of a corpus, by id.

    Parameters
    ----------
    name, root
        As asked for; every file lies under the root.
    clips
        In order of their ids.
    classes
        In the corpus's own order; where it has none, the labels, sorted.
    notes
        What a reader should know of the corpus as a whole.
    """

    name: str
    root: Path
    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_features(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def is_media(path: Path) -> bool:
    return path.suffix.lower() in VIDEO + AUDIO


def folder(name: str, root: Path) -> Path:
    """Return the corpus's folder, or raise UserError."""
    if not root.is_dir():
        said = "is a file" if root.exists() else "does not exist"
        raise UserError(f"{name}: --root {str(root)!r} {said}; expected the folder of the corpus")
    return root


@dataclass(frozen=True)
class Tree:
    """What lies under a folder, links to folders apart.

    A link to a folder is not followed: what lies inside the root is listed under its own name, a
    second one would put one clip into two parts of a split, and a link may lead round in a circle.

    Parameters
    ----------
    paths
        Files, and folders that are named like one, in order.
    refused
        For each link that leads out of the root, and each folder that cannot be read, a clip that
        is left out with the reason.
    notes
        A line that names the links that lead to folders inside the root.
    """

    paths: tuple[Path, ...]
    refused: tuple[Clip, ...]
    notes: tuple[str, ...]


def tree(root: Path) -> Tree:
    """List what lies under a corpus's folder."""
    paths: list[Path] = []
    refused: list[Clip] = []
    inside: list[str] = []

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        fault = f"the folder cannot be read ({error.strerror}); mend its rights"
        refused.append(Clip(name, "", "", fault=fault))

    for place, folders, files in os.walk(root, onerror=unreadable):
        here = Path(place)
        paths += [here / name for name in files]
        for name in folders:
            path = here / name
            if not path.is_symlink():
                paths += [path] if is_media(path) else []
            elif fault := unusable(path, root, "folder"):
                refused.append(Clip(path.relative_to(root).as_posix(), "", "", fault=fault))
            else:
                inside.append(path.relative_to(root).as_posix())
    named = ", ".join(sorted(inside)[:20]) + (", ..." if len(inside) > 20 else "")
    said = f"Links to folders that are listed under their own names were not followed: {named}."
    return Tree(tuple(sorted(paths)), tuple(refused), (said,) if inside else ())


def unusable(path: Path, root: Path, what: str = "file") -> str:
    """Say why a path cannot be read: it leads out of the root, by a link or ``..``, or nowhere."""
    try:
        path.is_file()  # a name too long raises, a missing file does not
        if path.resolve().is_relative_to(root.resolve()):
            return ""
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a NUL in a name
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0][:80]
        return f"{path.name[:60]!r} is no path ({reason}); mend it"
    return f"{path.name} leads outside {root.name or root}; copy the {what} into it"


def corpus(
    name: str, root: Path, clips: Iterable[Clip], classes: Sequence[str] = (), mend: str = "",
    notes: Sequence[str] = (),
) -> Corpus:  # fmt: skip
    """Check what concerns all clips of a corpus, and put them in order.

    Parameters
    ----------
    mend
        What to do where no file is there.

    Raises
    ------
    UserError
        No clip, an id that stands twice, every file missing, or git-lfs pointers in place of media.
    """
    found = sorted((guarded(clip, root) for clip in clips), key=lambda clip: clip.id)
    if not found:
        raise UserError(f"{name}: no clip under {str(root)!r}; {mend or 'expected media files'}")
    for first, second in pairwise(found):
        if first.id == second.id:
            raise UserError(f"{name}: two clips are named {first.id!r}; give each its own name")
    files = [path for clip in found for path in clip.files.values() if not clip.fault]
    there = [path for path in files if path.is_file()]
    if files and not there:
        raise UserError(
            f"{name}: none of the {len(files)} files is there ({files[0]}, for one); "
            f"{mend or 'mend the paths'}"
        )
    small = [path for path in there if path.stat().st_size <= LARGEST_POINTER]
    if small and len(small) == len(there) and all(map(pointed, small)):
        raise UserError(
            f"{name}: all {len(small)} media files under {str(root)!r} are git-lfs pointers, not "
            f"media; run `git lfs install && git lfs pull` in {str(root)!r}"
        )
    labels = {clip.label for clip in found if not clip.fault}
    ordered = tuple(classes) or tuple(sorted(labels))
    return Corpus(name, root, tuple(found), ordered, tuple(notes))


def guarded(clip: Clip, root: Path) -> Clip:
    """Return the clip, with a fault where a file lies outside the root, or a name is no text."""
    names = {n: getattr(clip, n) for n in ("id", "speaker", "label", "sentence", "intensity")}
    readable = {n: v.encode("utf-8", "backslashreplace").decode() for n, v in names.items()}
    if readable != names:
        # Bytes that are no UTF-8 come from the file system as surrogates, which no file can hold.
        return replace(clip, **readable, fault="its name is not in UTF-8; rename it")
    for path in clip.files.values():
        fault = "" if clip.fault else unusable(path, root)
        if fault:
            return replace(clip, fault=fault)
    return clip
