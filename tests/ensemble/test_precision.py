"""bfloat16 as a setting: of whom, what it changes, and where it is refused."""

import numpy as np
import pytest
import torch
from fusemark.benchmark import UserError
from fusemark.benchmark.ensemble.parts import Parts
from fusemark.benchmark.ensemble.stacked import Stacked
from fusemark.benchmark.precision import PreciseSettings, check_precision
from fusemark.benchmark.run import run

from .test_executor import ASKED, by_cell, options, planned

BFLOAT16 = {"training.precision": "bfloat16"}


def test_float32_leaves_a_cell_what_it_always_was():
    plain, asked = planned("toy-linear"), planned("toy-linear", **{"training.precision": "float32"})
    other = planned("toy-linear", **BFLOAT16)
    assert [c.id for c in plain.cells] == [c.id for c in asked.cells]
    assert {c.id for c in plain.cells}.isdisjoint(c.id for c in other.cells)
    assert "precision" not in PreciseSettings().asked()


def test_products_are_rounded_and_weights_are_not(trial):
    prepared = trial("late-concat")
    model = prepared.build()
    batch = Parts([prepared.train[0]] * 2, "cpu").batch([0, 1], [np.arange(6)] * 2)
    slopes = {}
    for precision in ("float32", "bfloat16"):
        many = Stacked([model] * 2, "cpu", precision)
        losses, slopes[precision], _ = many.gradients(batch)
        assert {losses.dtype, slopes[precision].dtype, many.weights.dtype} == {torch.float32}
    exact, rounded = slopes.values()
    # bfloat16 has eight bits: a few parts in a hundred of a gradient, and not nothing.
    assert 1e-4 < float((exact - rounded).norm() / exact.norm()) < 0.1


NO_DROPOUT = {
    "late-concat": {"methods.dropout": 0},
    "pmr(late-concat)": {"methods.dropout": 0},
    "mult": {
        f"mult.{part}_dropout": 0
        for part in ("attention", "relu", "residual", "embedding", "output")
    },
}


@pytest.mark.parametrize(
    "method", ["late-concat", pytest.param("mult", marks=pytest.mark.slow), "pmr(late-concat)"]
)
def test_a_run_trains_in_bfloat16_side_by_side_or_not(tmp_path, method):
    settings = {**NO_DROPOUT[method], "training.epochs": 2, "training.refit": False}
    plain = run(planned(method, 2, **settings), tmp_path / "a", options=options(ensemble=ASKED))
    low = planned(method, 2, **settings, **BFLOAT16)
    rounded = run(low, tmp_path / "b", options=options(ensemble=ASKED))
    one, other = by_cell(plain), by_cell(rounded)
    for name, record in other.items():
        assert record["status"] == "ok", record["error"]
        assert record["cell"]["training"]["precision"] == "bfloat16"
        losses = [r["history"]["train_loss"] for r in (record, one[name])]
        assert losses[0] != losses[1]
        np.testing.assert_allclose(*losses, rtol=0.05)


def test_it_is_refused_where_nobody_trains_so(tmp_path):
    with pytest.raises(UserError, match=r"precision=bfloat16 is trained by .* --ensemble on"):
        run(planned("toy-linear", **BFLOAT16), tmp_path, options=options())
    with pytest.raises(UserError, match=r"'float32' or 'bfloat16'"):
        planned("toy-linear", **{"training.precision": "float16"})
    check_precision([{"lr": 1.0}], supported=False)
