"""From one step of a modality, a vector or an image frame, to the model width."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from ...benchmark.contract import Modality


class FrameNet(nn.Module):
    """Small convolutional network, trained end to end: an image frame to a vector.

    Three 3x3 convolutions of stride 2, group normalisation (it sees one frame alone, where batch
    statistics would see padding and neighbours), and the mean over the remaining places. (C)

    Parameters
    ----------
    channels
        Channels C of a frame (C, H, W); any height and width from one pixel up.
    width
        Numbers in the vector.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        sizes = (channels, 16, 32, 64)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            for before, after in pairwise(sizes)
        )
        # One group: with more of them a map that has shrunk to one pixel would lose its content.
        self.norms = nn.ModuleList(nn.GroupNorm(1, size) for size in sizes[1:])
        self.out = nn.Linear(sizes[-1], width)

    def forward(self, frames: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            frames = functional.relu(norm(convolution(frames)))
        return self.out(frames.mean((2, 3)))


class Projection(nn.Module):
    """Step by step to the model width: linear for vectors, :class:`FrameNet` for image frames.

    Raises
    ------
    ValueError
        The steps are neither vectors (D,) nor image frames (C, H, W).
    """

    def __init__(self, modality: Modality, width: int):
        super().__init__()
        shape = modality.shape
        if len(shape) not in (1, 3):
            raise ValueError(
                f"steps of shape {shape} cannot be projected; expected vectors (D,) or image "
                f"frames (C, H, W)"
            )
        self.images = len(shape) == 3
        self.embed = FrameNet(shape[0], width) if self.images else nn.Linear(shape[0], width)

    def forward(self, values: Tensor) -> Tensor:
        """(B, T, *shape) -> (B, T, width)."""
        if not self.images:
            return self.embed(values)
        return self.embed(values.flatten(0, 1)).unflatten(0, values.shape[:2])
