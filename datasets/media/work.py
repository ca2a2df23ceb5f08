"""One clip from its files to arrays; runs in a worker process."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...benchmark.contract import UserError
from ..storage import read_steps
from .clips import Clip, is_features
from .crops import crop, interpolated
from .decode import Video, read_sound
from .descriptors import Descriptors
from .detection import Detector
from .embedding import Embedder, load_embedder
from .faults import BadClipError, check_file
from .settings import Settings
from .tracking import Tracker

THUMBNAIL = 72  # pixels, of the contact sheet
APART = 0.1  # seconds between the first sound and the first picture from which a clip is flagged
FEW_FACES = 0.9  # share of the pictures below which a clip is flagged


@dataclass(frozen=True)
class Task:
    """A clip with how it is to be prepared."""

    clip: Clip
    settings: Settings
    thumbnail: bool = False


@dataclass
class Prepared:
    """What became of a clip.

    Parameters
    ----------
    values
        For each modality that it has: (T, *shape); pixels are uint8.
    rates
        Steps per second of each; None where time has no unit.
    seen
        (T,) bool, whether a face was seen in each picture; None where there is none.
    facts
        Of the media: seconds, level, faces, sizes; columns of the index.
    flags
        What the quality report says of it.
    lacks
        For each modality asked for that it has not: why.
    thumbnail
        (72, 72, 3) uint8 of the face in the middle of the clip.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    rates: dict[str, float | None] = field(default_factory=dict)
    seen: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    lacks: dict[str, str] = field(default_factory=dict)
    thumbnail: np.ndarray | None = None


@dataclass(frozen=True)
class Bad:
    """A clip that is left out, and why."""

    reason: str


def prepare_clip(task: Task) -> Prepared | Bad:
    """Prepare one clip; what is wrong with it is returned, not raised."""
    if task.clip.fault:
        return Bad(task.clip.fault)
    try:
        return Preparer.of(task.settings).prepare(task.clip, task.thumbnail)
    except BadClipError as error:
        return Bad(str(error))
    except MemoryError:
        return Bad("does not fit into memory; cut it into shorter clips")
    except UserError:
        raise
    except Exception as error:  # whatever an odd file leads a decoder or a network to
        said = (str(error).strip().splitlines() or [""])[0][:200]
        return Bad(f"failed with {type(error).__name__}: {said}; leave it out")


class Preparer:
    """The networks and tables that all clips share; each is made when the first clip needs it."""

    def __init__(self, settings: Settings):
        self.settings = settings

    @classmethod
    @functools.cache
    def of(cls, settings: Settings) -> Preparer:
        return cls(settings)

    @functools.cached_property
    def descriptors(self) -> Descriptors:
        return Descriptors(self.settings.framing)

    @functools.cached_property
    def detector(self) -> Detector:
        return Detector(self.settings.smallest)

    @functools.cached_property
    def embedder(self) -> Embedder | None:
        kept = self.settings
        if kept.visual != "embeddings":
            return None
        return load_embedder(kept.weights, kept.module, kept.size)

    def prepare(self, clip: Clip, thumbnail: bool) -> Prepared:
        """Prepare the modalities asked for.

        Raises
        ------
        BadClipError
            A file is broken, or no modality can be had from it.
        """
        result = Prepared()
        for name in self.settings.wanted:
            path = clip.files.get(name)
            if path is None:
                result.lacks[name] = f"the corpus has no {name} file of it; {without(name)}"
            elif is_features(path):
                self.given(path, name, result)
            elif name == "audio":
                self.hear(path, result)
            else:
                self.look(path, result, thumbnail)
        if not result.values:
            raise BadClipError("; ".join(result.lacks.values()))
        return result

    def given(self, path: Path, name: str, result: Prepared) -> None:
        """Take features as they are."""
        check_file(path)
        try:
            result.values[name] = read_steps(path)
        except ValueError as error:
            raise BadClipError(f"{path.name} {error}") from error
        result.rates[name] = None

    def hear(self, path: Path, result: Prepared) -> None:
        """Compute the audio's columns."""
        sound = read_sound(path)
        if sound is None:
            result.lacks["audio"] = f"{path.name} has no audio stream; {without('audio')}"
            return
        try:
            result.values["audio"] = self.descriptors(sound.samples)
        except BadClipError as error:  # too short for one window; the pictures may be good
            result.lacks["audio"] = str(error)
            return
        result.rates["audio"] = 1 / self.settings.step
        level = max(sound.level, -120.0)
        result.facts |= {
            "audio_seconds": sound.seconds, "level": level, "sample_rate": sound.rate,
            "channels": sound.channels, "delay": sound.delay, "filled": sound.filled,
        }  # fmt: skip
        if level < self.settings.silence:
            result.flags.append("silent")
        if abs(sound.delay) > APART:
            how = "begins after" if sound.delay > 0 else "was cut off before"
            result.flags.append(f"sound {how} the first picture")
        if sound.filled:
            result.flags.append("silence in place of gaps in the sound")
        if sound.damaged:
            result.flags.append("damaged audio packets")

    def look(self, path: Path, result: Prepared, thumbnail: bool) -> None:
        """Follow the face and embed or keep its crops."""
        video = Video(path, self.settings.fps)
        tracker = Tracker(self.detector, self.settings.face, self.settings.stride)
        pieces: list[np.ndarray] = []
        seen: list[np.ndarray] = []
        thumbs: list[np.ndarray] = []
        for pictures, boxes in tracker(video):
            there = ~np.isnan(boxes[:, 0])
            faces = [self.cut(p, b) for p, b in zip(pictures[there], boxes[there], strict=True)]
            seen.append(there)
            if faces:
                stacked = np.stack(faces)
                pieces.append(self.embedder(stacked) if self.embedder else stacked)
                if thumbnail:
                    middle = len(faces) // 2
                    thumbs.append(crop(pictures[there][middle], boxes[there][middle], THUMBNAIL, 0))
        if not seen:
            result.lacks["visual"] = f"{path.name} has no picture; {without('visual')}"
            return
        there = np.concatenate(seen)
        result.facts |= {
            "pictures": len(there), "faces": float(there.mean()), "fps": video.rate or 0.0,
            "width": video.size[0], "height": video.size[1], "missing": video.missing,
        }  # fmt: skip
        if not video.even:
            result.flags.append("pictures at uneven times")
        if video.damaged:
            result.flags.append("damaged video packets")
        if not pieces:
            result.lacks["visual"] = f"no face in the {len(there)} pictures of {path.name}"
            return
        if there.mean() < FEW_FACES:
            result.flags.append("few faces")
        result.values["visual"] = interpolated(np.concatenate(pieces), there)
        result.rates["visual"] = video.rate
        result.seen = there
        result.thumbnail = thumbs[len(thumbs) // 2] if thumbs else None

    def cut(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        return crop(picture, box, self.settings.size, self.settings.margin)


def without(name: str) -> str:
    """Say what to do where a modality is in no file."""
    return f"where no clip has any, give --{name} none"


def checked(settings: Settings, needs: Mapping[str, bool]) -> Embedder | None:
    """Load what the workers will, so that what is missing is said once, before they start.

    Parameters
    ----------
    needs
        Whether any clip has audio or pictures to be computed.

    Returns
    -------
    The network that embeds; None where none does.

    Raises
    ------
    UserError
        A package is missing, or the network cannot be had.
    """
    preparer = Preparer.of(settings)
    if needs.get("audio"):
        preparer.descriptors  # noqa: B018
    if not needs.get("visual"):
        return None
    preparer.detector  # noqa: B018
    return preparer.embedder
