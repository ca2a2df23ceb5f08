"""A sequence on the steps of another, whichever of the two has more."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def resampled(x: Tensor, lengths: Tensor, target: Tensor, steps: int) -> Tensor:
    """Mean of the steps that each step of another sequence covers, both spread over the same time.

    Step i of a target of L steps covers steps floor(i l / L) to ceil((i + 1) l / L) - 1 of a
    sequence of l: one at least, and together all of them.

    Parameters
    ----------
    x
        (B, T, d), finite throughout.
    lengths, target
        (B,) int64: valid steps l of x, and L of the target.
    steps
        Padded length of the target; what stands beyond its valid steps means nothing.

    Returns
    -------
    Tensor
        (B, steps, d).
    """
    index = torch.arange(steps, device=x.device)
    own, wanted = lengths[:, None], target[:, None]
    start = torch.minimum(index * own // wanted, own - 1)
    stop = torch.minimum(((index + 1) * own + wanted - 1) // wanted, own)
    # Differences of running sums: in single precision they would lose a long sequence's last steps.
    sums = functional.pad(x.cumsum(1, dtype=torch.float64), (0, 0, 1, 0))
    start, stop = (edge[..., None].expand(-1, -1, x.shape[-1]) for edge in (start, stop))
    return ((sums.gather(1, stop) - sums.gather(1, start)) / (stop - start)).to(x.dtype)
