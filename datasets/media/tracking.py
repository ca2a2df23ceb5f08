"""One face through a clip: detected in few pictures, followed in those between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, Protocol

import numpy as np

STRIDE = 16  # pictures between two detections
SAME = 0.3  # intersection over union from which a box is taken for the face before
AT_ONCE = 8  # pictures that are detected in one batch

Which = Literal["largest", "central"]


class Finder(Protocol):
    """What a tracker needs of a detector."""

    def detect(self, pictures: np.ndarray) -> list[np.ndarray]: ...

    def refine(self, pictures: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


class Tracker:
    """Follows one face through a stream of pictures of one size.

    Each block of ``stride`` pictures is detected at its end; between two detections the box moves
    evenly, and the detector's last network finds the face from there, all pictures of a block at
    once. Where it says that no face is there, the picture is detected in full.

    Parameters
    ----------
    which
        The face to follow where there are several: the largest, or the most central one. From
        then on it is the one that overlaps the last box.
    threshold
        Probability of the last network from which a face is there.
    """

    def __init__(
        self,
        detector: Finder,
        which: Which = "largest",
        stride: int = STRIDE,
        threshold: float = 0.7,
    ):
        self.detector, self.which, self.stride, self.threshold = detector, which, stride, threshold
        self.detected = 0

    def __call__(self, pictures: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield blocks: pictures (n, height, width, 3) and boxes (n, 4), NaN where no face is."""
        stream, before = iter(pictures), None
        while block := list(islice(stream, self.stride)):
            stacked = np.stack(block)
            boxes = self.follow(stacked, before)
            seen = np.flatnonzero(~np.isnan(boxes[:, 0]))
            before = boxes[seen[-1]] if len(seen) and seen[-1] == len(boxes) - 1 else None
            yield stacked, boxes

    def follow(self, pictures: np.ndarray, before: np.ndarray | None) -> np.ndarray:
        """Return the boxes of a block that follows a picture with the face at ``before``."""
        count = len(pictures)
        boxes = np.full((count, 4), np.nan)
        if before is None:
            self.fill(boxes, pictures, [0], None)
        if before is not None or count > 1:
            near = known(boxes, 0) if before is None else before
            self.fill(boxes, pictures, [count - 1], near)
        ends = [(-1, before), (0, known(boxes, 0)), (count - 1, known(boxes, count - 1))]
        places = [(at, box) for at, box in ends if box is not None]
        open_ = [i for i in range(count - 1) if np.isnan(boxes[i, 0])]
        if before is None and 0 in open_:
            open_.remove(0)  # detected, and without a face
        if places and open_:
            times = np.array([at for at, _ in places])
            corners = np.stack([box for _, box in places])
            guess = np.column_stack([np.interp(open_, times, corners[:, k]) for k in range(4)])
            refined, probability = self.detector.refine(pictures[open_], guess)
            good = (probability >= self.threshold) & (overlap(refined, guess) > SAME)
            boxes[np.array(open_)[good]] = refined[good]
            open_ = [i for i, ok in zip(open_, good, strict=True) if not ok]
        near = places[-1][1] if places else None
        self.fill(boxes, pictures, open_, near)
        return boxes

    def fill(
        self, boxes: np.ndarray, pictures: np.ndarray, at: list[int], near: np.ndarray | None
    ) -> None:
        """Detect in some pictures of a block and write the chosen faces into ``boxes``."""
        for start in range(0, len(at), AT_ONCE):
            part = at[start : start + AT_ONCE]
            self.detected += len(part)
            for i, faces in zip(part, self.detector.detect(pictures[part]), strict=True):
                if len(faces):
                    boxes[i] = self.choose(faces[:, :4], near, pictures.shape[1:3])

    def choose(
        self, faces: np.ndarray, near: np.ndarray | None, size: tuple[int, ...]
    ) -> np.ndarray:
        """Return the face (4,) to follow: the one near the last box, or by ``which``."""
        if near is not None:
            shared = overlap(faces, np.broadcast_to(near, faces.shape))
            if shared.max() > SAME:
                return faces[shared.argmax()]
        if self.which == "largest":
            return faces[(faces[:, 2:] - faces[:, :2]).prod(1).argmax()]
        middle = np.array([size[1], size[0]]) / 2
        away = np.square((faces[:, :2] + faces[:, 2:]) / 2 - middle).sum(1)
        return faces[away.argmin()]


def known(boxes: np.ndarray, at: int) -> np.ndarray | None:
    """Return a box, or None where no face is."""
    return None if np.isnan(boxes[at, 0]) else boxes[at]


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (N, 4) and (N, 4), row by row."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1)
    return shared / np.maximum(areas - shared, 1e-12)
