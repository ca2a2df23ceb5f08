"""A new method's two files: a small one that works, and its test."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from .contract import UserError
from .registry import methods, strategies

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESERVED = ("data", "methods", "training")
"""First parts of setting paths that mean something else: ``training.epochs``."""

METHOD = Template('''"""$title: what it does, in one line."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from fusemark.benchmark import Batch, FusionMethod, Output, Task, any_number, method, search
from torch import Tensor, nn
from torch.nn import functional


@method(
    "$name",
    paper="Authors, venue, year",
    modalities=any_number,
    mark="reconstruction",
    cost="sum T_m",
)
class $cls(FusionMethod):
    """Average each modality's projected steps, put the averages side by side, and classify them.

    For modalities m of lengths T_m, widths d (say which part is published, read in the authors'
    code, or your own choice)::

        h_m = 1/T_m sum_t relu(W_m x_mt + b_m)        (B, d)
        y   = V relu(U [h_1; ...; h_M] + c) + e       (B, outputs)

    Paper: title, and the numbers of the equations above.
    """

    @dataclass(frozen=True)
    class Config:
        """Width d of every vector, and the dropout rate on the last one."""

        width: int = search(64, low=16, high=256, log=True)
        dropout: float = search(0.1, low=0.0, high=0.5)

    def __init__(self, task: Task, config: Config):
        super().__init__(task, config)
        self.project = nn.ModuleDict(
            {name: nn.Linear(m.width, config.width) for name, m in task.modalities.items()}
        )
        self.hidden = nn.Linear(config.width * len(task.names), config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.width, len(task.outputs))

    def average(self, batch: Batch, name: str) -> Tensor:
        """Return the mean over a modality's valid steps, (B, d)."""
        # `visible` holds zeros for padding and for an absent modality; its steps may be images.
        steps = functional.relu(self.project[name](batch.visible(name).flatten(2)))
        valid = batch.mask(name)[..., None]
        return steps.masked_fill(~valid, 0.0).sum(1) / valid.sum(1)

    def forward(self, batch: Batch) -> Output:
        """Predict; shapes may be read here, and no value of a tensor."""
        averages = [self.average(batch, name) for name in self.task.names]
        hidden = functional.relu(self.hidden(torch.cat(averages, dim=1)))
        return Output(self.head(self.dropout(hidden)))
''')

TEST = Template('''"""$title against every property that a fusion method must hold to."""

from pathlib import Path

import pytest
from fusemark.benchmark.conformance import PROPERTIES, Subject
from fusemark.benchmark.registry import load_plugin

load_plugin(Path(__file__).with_name("$module.py"))


@pytest.mark.parametrize("claim", PROPERTIES)
def test_conformance(claim):
    verdict = PROPERTIES[claim](Subject.of("$name"))
    assert verdict.outcome != "failed", verdict.evidence


# Add what the paper states: a count of parameters, a closed form, a special case.
''')


def new_method(name: str, folder: Path) -> tuple[Path, Path]:
    """Write a working method and its test, and return their paths.

    Parameters
    ----------
    name
        Of the method, in kebab case; the files are named in snake case, as Python modules are.
    folder
        Where the two files go.

    Raises
    ------
    UserError
        A name that is not kebab case or is taken, a folder that is none, or a file that exists;
        nothing is written then.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"method name {name!r} is not kebab case; expected lower-case letters, digits and "
            f"single hyphens, a letter first: 'my-method'"
        )
    if name in RESERVED:
        raise UserError(f"method name {name!r} begins other settings' paths; choose another name")
    for registry in (methods, strategies):
        if name in registry:
            raise UserError(f"{registry.kind} {name!r} is registered already; choose another name")
    if not folder.is_dir():
        raise UserError(f"folder {str(folder)!r} does not exist; make it, or name another")
    module = name.replace("-", "_")
    files = folder / f"{module}.py", folder / f"test_{module}.py"
    for file in files:
        if file.exists():
            raise UserError(f"file {str(file)!r} exists already; move it, or choose another name")
    words = name.split("-")
    title = " ".join(words).capitalize()
    # `FusionMethod` and the other imported names must not be covered by the new class.
    cls = "".join(word.capitalize() for word in words).removesuffix("Fusion") + "Fusion"
    for file, template in zip(files, (METHOD, TEST), strict=True):
        text = template.substitute(name=name, title=title, cls=cls, module=module)
        file.write_text(text, encoding="utf-8")
    return files
