"""All that a plugin sees: tasks, batches, and the bases of methods and datasets."""

from .batch import Batch
from .config import Space, search
from .dataset import Example, FusionDataset, Split
from .errors import UserError
from .method import Branch, FusionMethod, Output, TrainingStrategy, supervised_loss
from .task import Modality, Task

__all__ = [
    "Batch",
    "Branch",
    "Example",
    "FusionDataset",
    "FusionMethod",
    "Modality",
    "Output",
    "Space",
    "Split",
    "Task",
    "TrainingStrategy",
    "UserError",
    "search",
    "supervised_loss",
]
