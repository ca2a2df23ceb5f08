"""Square crops of a face, and what stands where no face was seen."""

from __future__ import annotations

import numpy as np

from .detection import squared

CENTRE, SCALE = 127.5, 128.0
"""A pixel p is (p - 127.5) / 128, in [-1, 1]: what InceptionResnetV1 was trained on."""


def crop(picture: np.ndarray, box: np.ndarray, size: int, margin: float) -> np.ndarray:
    """Cut a face out of a picture (height, width, 3) uint8.

    Parameters
    ----------
    box
        (4,) corners in pixels.
    margin
        Added to the box's longer side, as a share of it, half on each side.

    Returns
    -------
    (size, size, 3) uint8; beyond the picture its edge goes on.
    """
    from PIL import Image

    x1, y1, x2, y2 = squared(box[None])[0]
    grow = margin * (x2 - x1) / 2
    x1, y1, x2, y2 = x1 - grow, y1 - grow, x2 + grow, y2 + grow
    height, width = picture.shape[:2]
    # A box that a detector threw far out is brought back: one pixel of the picture at least.
    x1, y1 = min(x1, width - 1.0), min(y1, height - 1.0)
    x2, y2 = max(x2, x1 + 1.0, 1.0), max(y2, y1 + 1.0, 1.0)
    left, top = max(0, int(np.ceil(-x1))), max(0, int(np.ceil(-y1)))
    right, bottom = max(0, int(np.ceil(x2 - width))), max(0, int(np.ceil(y2 - height)))
    if left or top or right or bottom:
        picture = np.pad(picture, ((top, bottom), (left, right), (0, 0)), "edge")
    window = (x1 + left, y1 + top, x2 + left, y2 + top)
    image = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR, box=window)
    return np.asarray(image)


def scaled(crops: np.ndarray) -> np.ndarray:
    """Bring pixels (N, size, size, 3) uint8 to (N, 3, size, size) float32 in [-1, 1]."""
    return np.ascontiguousarray((crops.transpose(0, 3, 1, 2).astype(np.float32) - CENTRE) / SCALE)


def interpolated(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Fill the steps where no face was seen from those around them.

    Parameters
    ----------
    values
        (n, *shape) of the n steps with a face, in order.
    seen
        (T,) bool, n of them true, one at least.

    Returns
    -------
    (T, *shape). Numbers are interpolated evenly in time and held beyond the first and last face;
    pixels (uint8) are those of the nearest step with a face: a mixture of two faces is none.
    """
    at = np.flatnonzero(seen)
    if len(at) == len(seen):
        return values
    steps = np.arange(len(seen))
    after = np.searchsorted(at, steps).clip(0, len(at) - 1)
    before = np.searchsorted(at, steps, side="right").clip(1) - 1
    gap = at[after] - at[before]
    share = np.where(gap > 0, (steps - at[before]) / np.maximum(gap, 1), 0.0)
    if values.dtype == np.uint8:
        return values[np.where(share <= 0.5, before, after)]
    share = share.reshape((-1,) + (1,) * (values.ndim - 1)).astype(values.dtype)
    return values[before] * (1 - share) + values[after] * share
