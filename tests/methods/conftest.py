"""Batches that tests of methods share."""

from collections.abc import Callable, Mapping

import pytest
import torch
from fusemark.benchmark.contract import Batch, Task


@pytest.fixture(scope="session")
def draw() -> Callable[..., Batch]:
    """Give a function that draws a batch for a task, its padding filled with 1e3."""

    def drawn(
        task: Task,
        size: int = 4,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        lengths: Mapping[str, list[int]] | None = None,
    ) -> Batch:
        chance = torch.Generator().manual_seed(seed)
        values, counts = {}, {}
        for name, modality in task.modalities.items():
            if lengths is None:
                count = torch.randint(1, modality.max_length + 1, (size,), generator=chance)
            else:
                count = torch.tensor(lengths[name])
            steps = int(count.max())
            x = torch.randn(size, steps, *modality.shape, generator=chance, dtype=dtype)
            padding = torch.arange(steps) >= count[:, None]
            values[name] = x.masked_fill(
                padding.reshape(padding.shape + (1,) * len(modality.shape)), 1e3
            )
            counts[name] = count
        index = torch.arange(size)
        labels = index % len(task.outputs)
        if task.kind == "regression":
            labels = torch.randn(size, len(task.outputs), generator=chance, dtype=dtype)
        return Batch(
            values=values,
            lengths=counts,
            present={name: torch.ones(size, dtype=torch.bool) for name in task.names},
            labels=labels,
            labelled=torch.ones(size, dtype=torch.bool),
            examples=index,
            groups=index,
            tasks=torch.zeros_like(index),
        )

    return drawn
