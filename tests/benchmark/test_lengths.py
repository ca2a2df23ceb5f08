"""A plan at several lengths: what is generated, what is resampled, what is refused."""

import json
import sys

import pytest
from fusemark.benchmark import Store, UserError, load_results
from fusemark.benchmark.cli import EVERY_COST, main
from fusemark.benchmark.cost.study import cells
from fusemark.benchmark.ensemble.asked import Ensemble
from fusemark.benchmark.lengths import parse_lengths
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.registry import methods
from fusemark.benchmark.run import Options, beside

LONG = {"simulated:long.event": 2, "simulated:long.clips": 120}


def plan(lengths, dataset="simulated:long", settings=LONG, **fields):
    base = {"methods": ["late-concat"], "datasets": [dataset], "seeds": 1, "settings": settings}
    return Planned(make_plan(base, {"lengths": lengths}, fields), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64:512", ("64", "128", "256", "512")),
        ("100,50", ("50", "100")),
        ("1, 1/2,1/4", ("1/4", "1/2", "1/1")),
        (["2/8", 1], ("1/4", "1/1")),
    ],
)
def test_lengths_are_frames_or_shares(text, expected):
    assert parse_lengths(text) == expected


@pytest.mark.parametrize("text", ["0", "3/2", "1/0", "0/4", "1/2,64", "long", "64:32", "1/2:1", ""])
def test_what_is_no_length_is_one_line(text):
    with pytest.raises(UserError, match="length"):
        parse_lengths(text)


def test_a_task_that_has_a_length_is_generated_at_each():
    planned = plan("32,64")
    assert list(planned.datasets) == ["simulated:long@32", "simulated:long@64"]
    for name, steps in (("simulated:long@32", 32), ("simulated:long@64", 64)):
        task = planned.datasets[name].task
        assert [m.max_length for m in task.modalities.values()] == [steps // 2, steps]
        (cell,) = [c for c in planned.cells if c.dataset == name]
        assert cell.dataset_config["length"] == steps
        assert planned.sources[name] == "simulated:long"
    assert planned.variants["simulated:long@64"].length == 64


def test_any_other_is_resampled_to_the_length_of_its_last_modality():
    """The size small keeps 64 frames at most; with lengths it leaves them to the lengths."""
    planned = plan("1/4,1/2,1", "simulated:lag", {"simulated:lag.clips": 120})
    whole = plan((), "simulated:lag", {"simulated:lag.clips": 120}).datasets["simulated:lag"].task
    for name, share in (("1/4", 0.25), ("1/2", 0.5), ("1/1", 1.0)):
        dataset = planned.datasets[f"simulated:lag@{name}"]
        for modality, reduced in dataset.task.modalities.items():
            assert reduced.max_length == round(share * whole.modalities[modality].max_length)
            assert reduced.rate == whole.modalities[modality].rate * share
        cell = next(c for c in planned.cells if c.dataset == dataset.name)
        assert cell.data["max_frames"] is None
        assert planned.sources[dataset.name] == "resampled:simulated:lag"


def test_settings_reach_every_length_and_one_of_them():
    settings = {**LONG, "simulated:long.training.epochs": 3, "simulated:long@64.training.epochs": 4}
    epochs = {c.dataset: c.training["epochs"] for c in plan("32,64", settings=settings).cells}
    assert epochs == {"simulated:long@32": 3, "simulated:long@64": 4}


def test_lengths_that_cannot_be_are_one_line():
    with pytest.raises(UserError, match=r"--lengths 999: simulated:lag has at most \d+ frames"):
        plan("999", "simulated:lag", {})
    with pytest.raises(UserError, match=r"simulated:long.length=8 is impossible"):
        plan("8", settings={})


def test_a_plan_without_lengths_has_the_hash_that_it_had():
    """What a plan does not ask for is no part of it, so that a store's plan stays registered."""
    base = {"methods": ["late-concat"], "datasets": ["simulated:lag"], "seeds": 3}
    assert make_plan(base).hash == make_plan(base, {"cost": ()}).hash
    assert len({make_plan(base, {"lengths": n}).hash for n in (None, "32", "32,64")}) == 3


def test_the_code_digest_covers_what_is_resampled():
    planned = plan("1/2", "simulated:lag", {"simulated:lag.clips": 120})
    assert planned.digests(planned.cells[0]) != plan((), "simulated:lag", {}).digests(
        plan((), "simulated:lag", {}).cells[0]
    )


def test_a_run_at_two_lengths_counts_flops_beside(tmp_path, monkeypatch, capsys):
    """Costs lie in the run's own store, equal to the method's formula at each length."""
    out = tmp_path / "run"
    words = [
        "bench", "run", "--methods", "late-concat", "--datasets", "simulated:long", "--seeds", "1",
        "--lengths", "16,32", "--set", "simulated:long.event=1", "--set", "simulated:long.clips=60",
        "--set", "training.epochs=1", "--workers", "1", "--out", str(out),
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", words)
    main()
    store = Store(out)
    found = store.plan()
    assert found["series"] == {"simulated:long": {"simulated:long@16": 16, "simulated:long@32": 32}}
    assert set(load_results(out).dataset) == {"simulated:long@16", "simulated:long@32"}
    planned = plan("16,32", settings={"simulated:long.event": 1, "simulated:long.clips": 60})
    for name, ids in found["costs"].items():
        task = planned.datasets[name].task
        lengths = {n: m.max_length for n, m in task.modalities.items()}
        method = methods["late-concat"].cls
        for record in map(store.get, ids):
            config = method.Config(**record["cell"]["configs"]["late-concat"]["late-concat"])
            expected = method(task, config).flops(record["cell"]["batch"], lengths, False)
            assert record["result"]["inference"]["total"] == expected
    main()
    assert "nothing to do" in capsys.readouterr().err
    page = (out / "report.md").read_text()
    assert "simulated:long against length" in page
    assert json.loads((out / "plan.json").read_text())["cost"] == ["flops"]


def test_costs_beside_are_measured_where_cells_are_trained():
    """What is measured or predicted is so for the device; FLOPs have none."""
    settings = {"simulated:long.event": 1, "simulated:long.clips": 60}
    planned = plan("16,32", settings=settings, cost=EVERY_COST)
    on = {
        device: beside(planned, Options(ensemble=device and Ensemble(device, True)))
        for device in (None, "cpu", "cuda:1")
    }
    found = {
        device: {(c.quantity, c.device) for each in b.studies.values() for c in cells(each)}
        for device, b in on.items()
    }
    measured = ("predicted", "memory", "latency")
    assert found[None] == found["cpu"] == {("flops", "cpu"), *((q, "cpu") for q in measured)}
    assert found["cuda:1"] == {("flops", "cpu"), *((q, "cuda") for q in measured)}
