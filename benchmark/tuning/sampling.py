"""Which configuration a trial gets: the default first, then those of TPE, seeded by its number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from .space import Parameter, encoded

RANDOM = 6  # trials drawn at random before TPE has something to go on


class ByNumber(BaseSampler):
    """TPE that draws a trial's values from a stream of its own, named by the trial's number.

    So a study is the same however often it was stopped, and workers that share it never draw
    alike. The values of settings are modelled jointly, in groups that were tried together
    (Falkner et al., ICML 2018; Optuna's ``multivariate`` and ``group``).

    Parameters
    ----------
    seed
        Of the study.
    parameters
        What is tuned, with the defaults.
    default
        Whether the trial that is to be drawn is the default's.
    """

    def __init__(self, seed: int, parameters: Sequence[Parameter], default: bool):
        self.seed, self.default = seed, default
        self.defaults = {p.path: encoded(p.default) for p in parameters}
        self.samplers: dict[int, TPESampler] = {}

    def of(self, trial: FrozenTrial) -> TPESampler:
        text = f"tuning|seed={self.seed}|trial={trial.number}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        if trial.number not in self.samplers:
            self.samplers[trial.number] = TPESampler(
                seed=seed, multivariate=True, group=True, constant_liar=True,
                n_startup_trials=RANDOM,
            )  # fmt: skip
        return self.samplers[trial.number]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {} if self.default else self.of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {} if self.default else self.of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # fmt: skip
        if self.default:
            return self.defaults[param_name]
        return self.of(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState,
        values: Sequence[float] | None,
    ) -> None:  # fmt: skip
        """Nothing: a sampler is made for each trial."""


def pruner(kind: str, epochs: int, seeds: int) -> optuna.pruners.BasePruner:
    """Return what ends a hopeless trial: ``median``, ``hyperband`` or ``none``.

    ``median`` waits for five trials, and in each for a sixth of its epochs.
    """
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=max(1, epochs // 10), max_resource=epochs * seeds
        )
    if kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 6)
    return optuna.pruners.NopPruner()


def importance(study: optuna.Study, trials: Sequence[FrozenTrial]) -> Mapping[str, float]:
    """Share of the score's variation over the space that each setting explains (fANOVA).

    Empty below eight complete trials, where a forest has nothing to learn from.
    """
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    alike = {round(t.values[0], 12) for t in complete}
    if len(complete) < 8 or len(alike) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(
        study, evaluator=evaluator, target=lambda trial: trial.values[0]
    )
