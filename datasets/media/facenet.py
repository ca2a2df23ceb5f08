"""The one door to facenet-pytorch, and to the torchvision that it imports.

PyPI's torchvision is built against a torch with CUDA: beside a CPU build of torch its import fails
for want of the operator ``torchvision::nms``. Only then the operator is defined here.
"""

from __future__ import annotations

import functools
import types

import torch
from torch import Tensor

from ...benchmark.contract import UserError

_definitions: list[torch.library.Library] = []  # a library's operators live as long as it does


def suppressed(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Non-maximum suppression: the boxes kept, by falling score.

    Parameters
    ----------
    boxes
        (N, 4) corners x1, y1, x2, y2.
    scores
        (N,).
    threshold
        A box is dropped where its intersection over union with a kept one is larger.

    Returns
    -------
    (K,) int64 positions.
    """
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    area = (ranked[:, 2] - ranked[:, 0]) * (ranked[:, 3] - ranked[:, 1])
    low = torch.maximum(ranked[:, None, :2], ranked[None, :, :2])
    high = torch.minimum(ranked[:, None, 2:], ranked[None, :, 2:])
    shared = (high - low).clamp_min(0).prod(2)
    over = (shared / (area[:, None] + area[None, :] - shared) > threshold).numpy()
    dropped = [False] * len(order)
    kept = []
    for place in range(len(order)):
        if not dropped[place]:
            kept.append(place)
            for other in over[place, place + 1 :].nonzero()[0]:
                dropped[place + 1 + other] = True
    return order[torch.tensor(kept, dtype=torch.int64)]


def mend_torchvision() -> None:
    """Define the operators that torchvision's import looks for, unless it has its own."""
    try:
        import torchvision.ops  # noqa: F401
    except (RuntimeError, AttributeError, OSError):
        pass
    else:
        return
    import sys

    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.impl(name, suppressed, "CPU")
    _definitions.append(library)
    from torchvision import extension

    extension._has_ops = lambda: True  # its C++ operators; of them only nms is used


@functools.cache
def facenet() -> types.ModuleType:
    """Import facenet-pytorch.

    Raises
    ------
    UserError
        It is not installed, or cannot be imported.
    """
    try:
        mend_torchvision()
        import facenet_pytorch
    except Exception as error:
        raise UserError(
            f"faces need facenet-pytorch, which cannot be imported ({error}); "
            "pip install 'fusemark[media]', or leave pictures out with --visual none"
        ) from error
    return facenet_pytorch
