"""Studies of the toy, in a file of their own."""

from pathlib import Path

import pytest
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.registry import load_plugin
from fusemark.benchmark.tuning.storage import url_of
from fusemark.benchmark.tuning.studies import owner
from fusemark.benchmark.tuning.tune import FIRST_SEED, Budget, How, studies
from fusemark.benchmark.tuning.worker import Work, run_trial

TOY = Path(__file__).parents[1] / "benchmark" / "toy.py"
TUNED = Path(__file__).parent / "toy_tuned.py"
PLUGINS = (str(TOY), str(TUNED))
SHORT = {"training.epochs": 4, "training.patience": None}


@pytest.fixture(autouse=True)
def toys():
    """Load the two plugins."""
    for plugin in PLUGINS:
        load_plugin(plugin)


@pytest.fixture
def specs(tmp_path):
    """Return a function that makes the studies of a plan, in a journal file unless told."""

    def make(
        methods="toy-linear", datasets="toy", trials=5, seconds=None, url=None, set_=None, **how
    ):
        how = How(**how)
        fields = {
            "methods": methods.split(","), "datasets": datasets.split(","),
            "settings": {**SHORT, **(set_ or {})},
            "seeds": list(range(FIRST_SEED, FIRST_SEED + how.seeds)),
        }  # fmt: skip
        planned = Planned(make_plan(fields), None)
        return studies(
            planned,
            url_of(url or f"journal:///{tmp_path}/journal.log", tmp_path),
            how,
            Budget(trials, seconds),
        )

    return make


@pytest.fixture
def step():
    """Return a function that runs one trial of a study in this process."""

    def run(spec, token="token"):
        return run_trial(Work(spec, token, tuple(owner()), None, PLUGINS))

    return run


def held(spec):
    return spec.open().get_trials(deepcopy=False)
