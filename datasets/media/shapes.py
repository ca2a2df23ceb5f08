"""The shape that a modality's steps have in a folder: what most clips have, not the first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from ..storage import read_steps
from .clips import Corpus, is_features
from .descriptors import WIDTH
from .settings import Settings

Shape = tuple[int, ...]


def usual_shapes(
    corpus: Corpus, settings: Settings, embedded: int, known: Collection[str]
) -> dict[str, Shape]:
    """Return the shape of a step that most clips have, for the modalities that files give.

    What is computed has the shape that the settings declare; of files of features each is read.
    Where two shapes are as frequent, it is that of the first clip.

    Parameters
    ----------
    embedded
        Length of the vectors that the pictures are turned into, if they are.
    known
        Modalities whose shape an earlier run has decided.
    """
    pictures = (embedded,) if settings.visual == "embeddings" else (settings.size, settings.size, 3)
    declared: dict[str, Shape] = {"audio": (WIDTH,), "visual": pictures}
    found: dict[str, Shape] = {}
    for name in settings.wanted:
        paths = [clip.files[name] for clip in corpus.clips if name in clip.files and not clip.fault]
        if name in known or not any(map(is_features, paths)):
            continue
        shapes = (shape_of(path) if is_features(path) else declared[name] for path in paths)
        count = Counter(shape for shape in shapes if shape is not None)
        if count:
            found[name] = count.most_common(1)[0][0]
    return found


def shape_of(path: Path) -> Shape | None:
    """Return the shape of one step in a file of features; None where it cannot be read."""
    try:
        return read_steps(path).shape[1:]
    except (OSError, ValueError):
        return None  # the clip is listed with the reason when its turn comes
