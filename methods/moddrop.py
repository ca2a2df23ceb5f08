"""ModDrop: modalities of single examples are dropped at random, and one of them always stays."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..benchmark.contract import Batch, FusionMethod, TrainingStrategy, search
from ..benchmark.registry import strategy


@strategy("moddrop", paper="Neverova et al., TPAMI 2016", default="late-concat",
          mark="reconstruction")  # fmt: skip
class ModDrop(TrainingStrategy):
    """Drops each modality of each training example by a Bernoulli draw, and never all of them.

    (P) While training, every example loses modality m with probability p_m; evaluation is
    untouched. (C) The draws are independent given that one modality is left, which modality m then
    loses with probability (p_m - prod_n p_n) / (1 - prod_n p_n), the products over those that the
    example has; so for p below 1 an example with a single modality keeps it. A dropped modality
    is marked absent, so that a method which leaves absent ones out of its mean does so here. The
    paper trains the modalities' own networks first and drops in the fusion's training; here
    everything is trained at once.

    Raises
    ------
    ValueError
        A rate outside [0, 1), or rates that are not one for each modality.
    """

    @dataclass(frozen=True)
    class Config:
        """How often a modality is dropped.

        Parameters
        ----------
        rate
            The probability p of every modality.
        rates
            Instead, one for each of the modalities that the method uses, in their order.
        """

        rate: float = search(0.3, low=0.05, high=0.7)
        rates: tuple[float, ...] = ()

    def __init__(self, inner: FusionMethod, config: Config):
        super().__init__(inner, config)
        names = self.uses
        if config.rates and len(config.rates) != len(names):
            raise ValueError(
                f"{len(config.rates)} rates for {len(names)} modalities; expected one for each of "
                f"{', '.join(names)}"
            )
        self.rates = dict(zip(names, config.rates or [config.rate] * len(names), strict=True))
        for name, rate in self.rates.items():
            if not 0.0 <= rate < 1.0:
                raise ValueError(f"rate {rate} of {name!r} lies outside [0, 1)")

    def corrupt(self, batch: Batch, generator: torch.Generator) -> Batch:
        batch = self.inner.corrupt(batch, generator)
        # What an example lacks already counts as dropped for certain.
        chances = [torch.where(batch.present[n], p, 1.0) for n, p in self.rates.items()]
        draws = torch.rand(len(chances), len(batch), generator=generator, device=generator.device)
        tails = [torch.ones_like(chances[0])]  # the chance that all from here on are dropped
        for chance in reversed(chances):
            tails.insert(0, tails[0] * chance)
        gone = torch.ones_like(batch.labelled)
        for i, (name, draw) in enumerate(zip(self.rates, draws.to(batch.device), strict=True)):
            # While all before are gone, the draw is conditioned on one of the rest to stay.
            given = chances[i] * (1.0 - tails[i + 1]) / (1.0 - tails[i]).clamp(min=1e-12)
            batch = batch.without(name, draw < torch.where(gone, given, chances[i]))
            gone = gone & ~batch.present[name]
        return batch
