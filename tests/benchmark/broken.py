"""Two sound fusion methods, and many that are wrong in one known way each; none is registered."""

from dataclasses import dataclass

import numpy as np
import torch
from fusemark.benchmark import Branch, FusionMethod, Output, search
from torch import nn
from torch.nn import functional


class Sound(FusionMethod):
    """Project each step, average the valid ones, concatenate, classify: nothing wrong with it."""

    @dataclass(frozen=True)
    class Config:
        width: int = search(8, low=8, high=32)
        heads: int = search(2, choices=(2, 4))
        rate: float = search(0.1, low=0.0, high=0.5)

    def __init__(self, task, config):
        super().__init__(task, config)
        width = config.width
        self.project = nn.ModuleDict(
            {n: nn.Linear(m.width, width) for n, m in task.modalities.items()}
        )
        self.hidden = nn.Linear(width * len(task.names), 2 * width)
        self.dropout = nn.Dropout(config.rate)
        self.head = nn.Linear(2 * width, len(task.outputs))

    def steps(self, values, name):
        return self.project[name](values.flatten(2)).tanh()

    def vector(self, batch, name):
        return self.average(self.steps(batch.visible(name), name), batch.mask(name))

    def average(self, steps, mask):
        return steps.masked_fill(~mask[..., None], 0.0).sum(1) / mask.sum(1)[:, None]

    def features(self, batch):
        return torch.cat([self.vector(batch, name) for name in self.task.names], 1)

    def forward(self, batch):
        hidden = functional.relu(self.hidden(self.features(batch)))
        return Output(self.head(self.dropout(hidden)))


class ExtraAxis(Sound):
    def forward(self, batch):
        return Output(super().forward(batch).logits[:, None])


class BareTensor(Sound):
    def forward(self, batch):
        return super().forward(batch).logits


class WritesInput(Sound):
    def forward(self, batch):
        batch.values[self.task.names[0]].mul_(0.5)
        return super().forward(batch)


class CountsItsCalls(Sound):
    def __init__(self, task, config):
        super().__init__(task, config)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, batch):
        self.calls += 1
        return super().forward(batch)


class UnusedParameter(Sound):
    def __init__(self, task, config):
        super().__init__(task, config)
        self.spare = nn.Parameter(torch.ones(3))


class DeafToOne(Sound):
    def vector(self, batch, name):
        vector = super().vector(batch, name)
        return vector.detach() if name == self.task.names[-1] else vector


class SaysLessThanItUses(Sound):
    @property
    def uses(self):
        return self.task.names[:1]


class BlindLoss(Sound):
    def losses(self, output, batch):
        return {"supervised": super().losses(output, batch)["supervised"] + torch.tensor(np.inf)}


class CountsPadding(Sound):
    def average(self, steps, mask):
        return steps.mean(1)


class MultipliesByMask(Sound):
    def vector(self, batch, name):
        mask = batch.mask(name)[..., None]
        return (self.steps(batch.values[name], name) * mask).sum(1) / mask.sum(1)


class PaddingInTraining(Sound):
    """Its predictions are sound; an auxiliary loss reads the padded values."""

    def losses(self, output, batch):
        name = self.task.names[0]
        read = 0.1 * self.steps(batch.values[name], name).square().mean()
        return {**super().losses(output, batch), "energy": read}


class BatchStatistics(Sound):
    def features(self, batch):
        features = super().features(batch)
        return features - features.mean(0)


class PositionInBatch(Sound):
    def features(self, batch):
        features = super().features(batch)
        return features + 0.01 * torch.arange(len(features), device=features.device)[:, None]


class SeesTheAbsent(Sound):
    def vector(self, batch, name):
        mask = batch.mask(name)
        valid = batch.values[name].masked_fill(~mask[..., None], 0.0)
        return self.average(self.steps(valid, name), mask)


class NoneLeft(Sound):
    """Averages over the modalities that are there: 0 / 0 where none is."""

    def features(self, batch):
        there = torch.stack([batch.present[n] for n in self.task.names]).sum(0)
        return super().features(batch) / there[:, None]


class NeedsThreeSteps(Sound):
    def vector(self, batch, name):
        return super().vector(batch, name) + 0 * batch.visible(name).unfold(1, 3, 1).mean()


class SampleDeviation(Sound):
    """The sum of squares over T - 1, which is 0 / 0 for one step."""

    def vector(self, batch, name):
        steps = batch.visible(name).flatten(2)
        mask, count = batch.mask(name)[..., None], batch.lengths[name][:, None]
        centred = (steps - (steps.sum(1) / count)[:, None]).masked_fill(~mask, 0.0)
        return super().vector(batch, name) + centred.square().sum((1, 2))[:, None] / (count - 1)


class VectorsOnly(Sound):
    def steps(self, values, name):
        return self.project[name](values).tanh()


class LastPixel(Sound):
    """Sees the padding of frames, though not that of vectors."""

    def vector(self, batch, name):
        values, vector = batch.values[name], super().vector(batch, name)
        return vector if values.ndim == 3 else vector + values.flatten(1)[:, -1:]


class LearnsOtherLabels(Sound):
    def losses(self, output, batch):
        turned = (
            (batch.labels + 1) % len(self.task.outputs) if batch.labels.ndim == 1 else -batch.labels
        )
        return {"supervised": functional.cross_entropy(output.logits, turned)}


class OwnChance(Sound):
    def __init__(self, task, config):
        super().__init__(task, config)
        nn.init.constant_(self.head.bias, np.random.default_rng().normal())


class OwnSeed(Sound):
    def __init__(self, task, config):
        torch.manual_seed(1)
        super().__init__(task, config)


class OwnDraw(Sound):
    """Leaves torch's generator alone and draws from another that every run seeds alike."""

    def __init__(self, task, config):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            super().__init__(task, config)


class NoiseInEvaluation(Sound):
    def features(self, batch):
        features = super().features(batch)
        return features + 0.1 * torch.randn_like(features)


class OwnCorruption(Sound):
    def corrupt(self, batch, generator):
        name = self.task.names[0]
        noise = np.random.default_rng().normal(size=batch.values[name].shape)
        return batch.with_values(
            name, batch.values[name] + torch.as_tensor(noise, dtype=torch.float32)
        )


class CorruptsInPlace(Sound):
    def corrupt(self, batch, generator):
        batch.values[self.task.names[0]].mul_(torch.rand((), generator=generator))
        return batch


class OwnNoise(Sound):
    """Noise of the training steps that no seed fixes."""

    def features(self, batch):
        features = super().features(batch)
        drawn = np.random.default_rng().normal(size=features.shape) if self.training else 0.0
        return features + torch.as_tensor(drawn, dtype=features.dtype)


class HiddenState(Sound):
    def __init__(self, task, config):
        super().__init__(task, config)
        self.secret = torch.randn(len(task.outputs))

    def forward(self, batch):
        return Output(super().forward(batch).logits + self.secret.to(batch.device))


class Indivisible(Sound):
    @dataclass(frozen=True)
    class Config(Sound.Config):
        heads: int = search(2, choices=(2, 3))

    def __init__(self, task, config):
        if config.width % config.heads:
            raise ValueError(f"width {config.width} is not divisible by heads {config.heads}")
        super().__init__(task, config)


class IndivisibleAtPaperSize(Indivisible):
    @dataclass(frozen=True)
    class Config(Sound.Config):
        width: int = search(9, low=8, high=36)
        heads: int = 3


class TooMuchOfARate(Sound):
    @dataclass(frozen=True)
    class Config(Sound.Config):
        rate: float = search(0.1, low=0.0, high=1.5)


class EvenWidthsOnly(Sound):
    def __init__(self, task, config):
        super().__init__(task, config)
        if any(m.width % 2 for m in task.modalities.values()):
            self.hidden = nn.Linear(1, 1)


class ReadsAValue(Sound):
    def vector(self, batch, name):
        longest = int(batch.lengths[name].max())
        return super().vector(batch.with_values(name, batch.values[name][:, :longest]), name)


class BranchesOnData(Sound):
    def features(self, batch):
        features = super().features(batch)
        return features * 2 if features.abs().max() < 1 else features


class SelectsRows(Sound):
    def vector(self, batch, name):
        steps = self.steps(batch.visible(name), name)
        return super().vector(batch, name) - steps[batch.mask(name)].mean()


class OnNoDevice(Sound):
    def vector(self, batch, name):
        mask = torch.arange(batch.values[name].shape[1]) < batch.lengths[name][:, None]
        return self.average(self.steps(batch.visible(name), name), mask)


class ReadsHiddenLabels(Sound):
    def losses(self, output, batch):
        if batch.labels.ndim == 2:
            return {"supervised": functional.mse_loss(output.logits, batch.labels)}
        labels = batch.labels.clamp(0, output.logits.shape[1] - 1)
        return {"supervised": functional.cross_entropy(output.logits, labels)}


class MeanOfNoLabels(Sound):
    def losses(self, output, batch):
        known = batch.labelled.to(output.logits.dtype)
        if batch.labels.ndim == 2:
            each = (output.logits - batch.labels.masked_fill(~batch.labelled[:, None], 0)).square()
            return {"supervised": (each.mean(1) * known).sum() / known.sum()}
        target = batch.labels.masked_fill(~batch.labelled, 0)
        each = functional.cross_entropy(output.logits, target, reduction="none")
        return {"supervised": (each * known).sum() / known.sum()}


class PredictsFromLabels(Sound):
    def forward(self, batch):
        bias = batch.labels.reshape(len(batch), -1)[:, :1].to(torch.float32)
        return Output(super().forward(batch).logits + 0.01 * bias)


class Branched(Sound):
    """One head for each modality's vector, offered as branches: nothing wrong with it either."""

    def __init__(self, task, config):
        super().__init__(task, config)
        self.heads = nn.ModuleDict(
            {n: nn.Linear(config.width, len(task.outputs)) for n in task.names}
        )

    def alone(self, batch, name):
        return self.heads[name](self.vector(batch, name))

    def forward(self, batch):
        alone = {f"logits:{name}": self.alone(batch, name) for name in self.task.names}
        return Output(super().forward(batch).logits + sum(alone.values()), alone)

    def branches(self):
        return {
            n: Branch((*self.project[n].parameters(), *self.heads[n].parameters()), f"logits:{n}")
            for n in self.task.names
        }


class BranchesMixed(Branched):
    def alone(self, batch, name):
        return super().alone(batch, name) + 0.1 * self.heads[name](self.vector(batch, "a"))


class BranchUnnamed(Branched):
    def branches(self):
        return {n: Branch(b.parameters, "logits") for n, b in super().branches().items()}


class BranchTooWide(Branched):
    def branches(self):
        found = super().branches()
        return {n: Branch((*b.parameters, self.head.bias), b.logits) for n, b in found.items()}
