"""The corpora that can be prepared, each by its own layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ...benchmark.contract import UserError
from ..cremad_metadata.names import CLASSES as CREMAD_CLASSES
from ..cremad_metadata.names import SOURCE as CREMAD_SOURCE
from ..cremad_metadata.names import read_name
from ..storage import read_table
from .clips import AUDIO, Clip, Corpus, corpus, folder, is_media, tree
from .cremad_tables import Metadata, read_metadata
from .listing import listed_folder, listed_table

RAVDESS_SOURCE = "https://zenodo.org/records/1188976"
RAVDESS_CLASSES = (
    "neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised",
)  # fmt: skip
GRID_SOURCE = "https://spandh.dcs.shef.ac.uk/gridcorpus"
GRID_NAME = re.compile(r"(?:.*_)?([bilps])([bgrw])([abiw])([a-vx-z])([1-9z])([anps])")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def media(root: Path, pattern: str) -> Corpus:
    """List anybody's clips: a CSV with a row for each, or a folder of files."""
    if root.suffix.lower() == ".csv" or root.is_file():
        return listed_table("media", root)
    return listed_folder(folder("media", root), pattern)


def cremad(root: Path, pattern: str) -> Corpus:  # noqa: ARG001
    """List CREMA-D: ``VideoFlash/*.flv`` and ``AudioWAV/*.wav``, label = the intended emotion.

    All clips of the corpus's ``SentenceFilenames.csv``, or where it is absent those in the folders.
    What its tables of actors and votes lack is flagged, and stops nothing.
    """
    mend = f"`git clone {CREMAD_SOURCE}` (with git-lfs) and give --root its folder"
    folder("cremad", root)
    video, audio = root / "VideoFlash", root / "AudioWAV"
    if not video.is_dir() and not audio.is_dir():
        raise UserError(
            f"cremad: no folder VideoFlash or AudioWAV in {str(root)!r}; expected CREMA-D; {mend}"
        )
    table = root / "SentenceFilenames.csv"
    names = {path.stem for path in (*video.glob("*.flv"), *audio.glob("*.wav"))}
    if table.exists():
        columns, rows = read_table(table, f"cremad: {table.name}")
        if "Filename" not in columns:
            raise UserError(f"cremad: {table.name} has no column 'Filename'; fetch it again")
        names |= {row.cells["Filename"] for row in rows}
    known = read_metadata(root)
    clips = cremad_clips(names, video, audio, known)
    return corpus("cremad", root, clips, CREMAD_CLASSES, mend, known.notes)


def cremad_clips(names: set[str], video: Path, audio: Path, known: Metadata) -> Iterator[Clip]:
    for name in sorted(names):
        said = read_name(name)
        if said is None:
            fault = "its name is none of CREMA-D's, such as 1001_IEO_HAP_LO; rename or remove it"
            yield Clip(name, "", "", fault=fault)
            continue
        # The WAV files are the sound of the clips as the authors cut them; the FLV has it too.
        sound = audio / f"{name}.wav"
        yield Clip(
            name, said.actor, said.emotion, sound if sound.exists() else video / f"{name}.flv",
            video / f"{name}.flv", sentence=said.sentence, intensity=said.intensity,
            sex=known.sexes.get(said.actor, ""), perceived=known.perceived.get(name, ""),
            flags=known.lacking(name, said.actor),
        )  # fmt: skip


def ravdess(root: Path, pattern: str) -> Corpus:  # noqa: ARG001
    """List RAVDESS's speech: a ``manifest.csv`` in its folder, or the files as published.

    Published names are ``modality-channel-emotion-intensity-sentence-repetition-actor``: 01 is
    audio with video, 02 video, 03 audio; channel 01 is speech. The song files are left out.
    """
    folder("ravdess", root)
    if (root / "manifest.csv").is_file():
        return listed_table("ravdess", root / "manifest.csv", RAVDESS_CLASSES)
    found: dict[str, dict[str, Path]] = {}
    under = tree(root)
    for path in filter(is_media, under.paths):
        parts = path.stem.split("-")
        numbers = all(part.isascii() and part.isdigit() for part in parts)
        if len(parts) == 7 and numbers and parts[1] == "01":
            found.setdefault("-".join(parts[1:]), {})[parts[0]] = path
    mend = f"unpack the speech files of {RAVDESS_SOURCE} into it"
    clips = [ravdess_clip(name, files) for name, files in found.items()]
    return corpus("ravdess", root, [*clips, *under.refused], RAVDESS_CLASSES, mend, under.notes)


def ravdess_clip(name: str, files: Mapping[str, Path]) -> Clip:
    _, emotion, intensity, sentence, _, actor = (int(part) for part in name.split("-"))
    both = files.get("01")
    fault = "" if 1 <= emotion <= 8 else f"emotion {emotion:02d} is none of 01 to 08; rename it"
    return Clip(
        name, f"actor-{actor:02d}", RAVDESS_CLASSES[emotion - 1] if not fault else "",
        files.get("03") or both, both or files.get("02"),
        sentence=str(sentence), intensity={1: "normal", 2: "strong"}.get(intensity, ""),
        fault=fault,
    )  # fmt: skip


def grid(root: Path, pattern: str) -> Corpus:  # noqa: ARG001
    """List GRID: the speaker is the folder ``s1`` to ``s34``, the label the digit that is spoken.

    File names are the first letters of command, colour, preposition, letter, digit and adverb.
    """
    folder("grid", root)
    under = tree(root)
    clips = [*under.refused]
    for path in under.paths:
        if path.suffix.lower() not in (".mpg", ".mp4", ".avi", ".mov"):
            continue
        name = path.relative_to(root).with_suffix("").as_posix()
        match = GRID_NAME.fullmatch(path.stem)
        whose = [re.fullmatch(r"(?:.*_)?s(\d+)", part) for part in path.resolve().parts[:-1]]
        speakers = [found[1] for found in whose if found]
        fault = "" if match else "its name is none of GRID's, such as bbaf2n; rename or remove it"
        if match and not speakers:
            fault = "no folder s1 to s34 above it says who speaks; put it into one"
        digit = DIGITS[0 if match[5] == "z" else int(match[5])] if match else ""
        sound = next((p for s in AUDIO if (p := path.with_suffix(s)).exists()), path)
        clips.append(Clip(
            name, f"s{speakers[-1]}" if speakers else "", digit, sound, path,
            sentence=path.stem, fault=fault,
        ))  # fmt: skip
    mend = f"expected .mpg files in folders s1 to s34, as {GRID_SOURCE} has them"
    return corpus("grid", root, clips, DIGITS, mend, under.notes)


CORPORA: Mapping[str, Callable[[Path, str], Corpus]] = {
    "media": media,
    "cremad": cremad,
    "ravdess": ravdess,
    "grid": grid,
}
