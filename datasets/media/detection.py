"""Face detection by MTCNN (Zhang et al., IEEE Signal Processing Letters 2016)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .facenet import facenet

SMALLEST = 20  # pixels: MTCNN's own smallest face
SHARE = 6  # a face takes a sixth of the shorter side or more, unless none does
THRESHOLD = 0.7  # of the last network's probability, as in the paper's code


class Detector:
    """Finds faces in whole pictures, and finds again a face whose place is nearly known.

    Parameters
    ----------
    smallest
        Height of the smallest face in pixels; 0 for a sixth of the picture's shorter side, and
        where that finds none, MTCNN's 20.
    """

    def __init__(self, smallest: int = 0):
        self.smallest = smallest
        self.mtcnn = facenet().MTCNN(keep_all=True).eval()

    def detect(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Find all faces of pictures (N, height, width, 3) uint8.

        Returns
        -------
        For each picture (K, 5): corners x1, y1, x2, y2 in pixels and the probability.
        """
        side = min(pictures.shape[1:3])
        found = self.search(pictures, self.smallest or max(SMALLEST, side // SHARE))
        if self.smallest == 0 and side // SHARE > SMALLEST:
            without = [i for i, faces in enumerate(found) if not len(faces)]
            if without:
                for i, faces in zip(without, self.search(pictures[without], SMALLEST), strict=True):
                    found[i] = faces
        return found

    def search(self, pictures: np.ndarray, smallest: int) -> list[np.ndarray]:
        if min(pictures.shape[1:3]) < smallest:
            return [np.zeros((0, 5))] * len(pictures)
        self.mtcnn.min_face_size = smallest
        boxes, probabilities = self.mtcnn.detect(pictures)
        return [
            np.zeros((0, 5)) if b is None else np.column_stack([b, p]).astype(np.float64)
            for b, p in zip(boxes, probabilities, strict=True)
        ]

    @torch.inference_mode()
    def refine(self, pictures: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find one face in each picture from nearby, by MTCNN's last network alone.

        Parameters
        ----------
        pictures, boxes
            (N, height, width, 3) uint8 and (N, 4) corners of where the face about is.

        Returns
        -------
        Corners (N, 4), and the probability (N,) that a face is there.
        """
        squares = squared(boxes)
        patches = torch.cat([patch(p, s) for p, s in zip(pictures, squares, strict=True)])
        offsets, _, scores = self.mtcnn.onet((patches - 127.5) * 0.0078125)
        sides = squares[:, 2:] - squares[:, :2] + 1
        moved = squares + offsets.numpy().astype(np.float64) * np.tile(sides, 2)
        return moved, scores[:, 1].numpy().astype(np.float64)


def squared(boxes: np.ndarray) -> np.ndarray:
    """Return the squares (N, 4) with the boxes' centres and longer sides."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], 1)


def patch(picture: np.ndarray, square: np.ndarray) -> Tensor:
    """Cut out a square (what lies outside the picture is left out) at 48 by 48: (1, 3, 48, 48)."""
    height, width = picture.shape[:2]
    x1, x2 = span(square[0], square[2], width)
    y1, y2 = span(square[1], square[3], height)
    region = torch.from_numpy(picture[y1:y2, x1:x2]).permute(2, 0, 1)[None].float()
    return F.interpolate(region, size=(48, 48), mode="area")


def span(low: float, high: float, size: int) -> tuple[int, int]:
    """Return the part of an interval that lies in [0, size]; a pixel of it at least."""
    start = int(np.clip(low, 0, size - 1))
    return start, int(np.clip(high, start + 1, size))
