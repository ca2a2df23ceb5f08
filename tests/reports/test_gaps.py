"""Nothing that failed or is missing goes unsaid."""

import json

from fusemark.reports.collect import collect
from fusemark.reports.gaps import relative

from .stores import Spec, write_store


def test_cells_that_failed_alike_stand_together(tmp_path):
    why = ("failed", "ValueError", "loss is not finite")
    spec = Spec(fail={("mult", 0): why, ("mult", 3): why, ("ladder", 1): ("memory", "", "")})
    ladder, mult = collect(write_store(tmp_path, spec)).gaps.failures
    assert (ladder.method, ladder.reason, ladder.cells) == ("ladder", "ran out of memory", 1)
    assert (mult.where, mult.cells, mult.error) == (
        "seed 0, 3",
        2,
        "ValueError: loss is not finite",
    )
    assert mult.traceback.startswith("benchmark/training.py:88")


def test_planned_cells_without_a_record_are_named(tmp_path):
    spec = Spec(missing=[("mult", 1), ("mult", 2), ("ladder", 4)], folds=2, examples=20)
    gaps = collect(write_store(tmp_path, spec)).gaps
    assert (gaps.missing_cells, gaps.planned_cells, gaps.unnamed_cells) == (6, 50, 0)
    assert {(m.method, m.seeds) for m in gaps.missing} == {("mult", (1, 2)), ("ladder", (4,))}


def test_methods_behind_a_wildcard_are_named_by_their_other_seeds(tmp_path):
    spec = Spec(missing=[("only:audio", 1), *(("only:visual", s) for s in Spec().seeds)])
    store = write_store(tmp_path, spec)
    plan = json.loads((store / "plan.json").read_text())
    plan["methods"] = ["only:*", "late-concat", "mult", "ladder"]
    (store / "plan.json").write_text(json.dumps(plan))
    gaps = collect(store).gaps
    assert [(m.method, m.seeds) for m in gaps.missing] == [("only:audio", (1,))]
    assert gaps.unnamed_cells == 5


def test_comparisons_without_a_record_are_counted_by_the_plans_family(tmp_path):
    """Of 4 methods two are there: 2 of 3 comparisons with the baseline lack, 5 of 6 pairs."""
    seeds = Spec().seeds
    methods = {"late-concat": 1.0, "ladder": 1.5, "mult": 1.4, "tfn": 1.3}

    def lacking(name, gone, family):
        spec = Spec(methods=methods, missing=[(m, s) for m in gone for s in seeds])
        store = write_store(tmp_path / name, spec)
        plan = json.loads((store / "plan.json").read_text()) | {"family": family}
        (store / "plan.json").write_text(json.dumps(plan))
        found = collect(store).tables[0].family
        return found.tests, found.unrecorded

    assert lacking("a", ("mult", "tfn"), "baseline") == (3, 2)
    assert lacking("b", ("mult", "tfn"), "pairs") == (6, 5)
    assert lacking("c", ("late-concat",), "baseline") == (3, 3)
    assert lacking("d", (), "baseline") == (3, 0)


def test_a_complete_store_misses_nothing(tmp_path):
    gaps = collect(write_store(tmp_path)).gaps
    assert (gaps.failures, gaps.missing, gaps.missing_cells, gaps.other_plans) == ((), (), 0, 0)


def test_tracebacks_name_no_folder_above_the_package():
    text = 'File "/home/me/secret/fusemark/benchmark/training.py", line 3\nFile "a/b.py", line 1'
    assert relative(text) == 'File "benchmark/training.py", line 3\nFile "a/b.py", line 1'
