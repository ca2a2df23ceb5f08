"""``--until-decided``: what a plan fixes, and whole runs of the toy plugin."""

import json
import signal
import subprocess
from collections import Counter

import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cli import main
from fusemark.benchmark.plan import Planned, make_plan, read_toml
from fusemark.benchmark.progress import Progress
from fusemark.benchmark.run import Options, run
from fusemark.benchmark.until_decided import quarters
from fusemark.reports import write

from .conftest import TOY
from .test_run import BENCH, wait_for

CROSSED = TOY.parent / "toy_crossed.py"
METHODS = "toy-linear,only:audio,late-concat"
BASE = {
    "methods": METHODS.split(","), "datasets": ["toy"], "seeds": 8, "baseline": "late-concat",
    "settings": {"training.epochs": "2"},
}  # fmt: skip
LOOKS = {"looks": "5,6,8"}


def planned(**fields):
    return Planned(make_plan(BASE, fields), None)


def test_default_looks_are_quarters_of_the_seeds():
    assert quarters(20) == (5, 10, 15, 20)
    assert quarters(10) == (5, 8, 10)
    assert quarters(7) == (5, 6, 7)
    assert make_plan(BASE, {"until_decided": True}).looks.at == (5, 6, 8)


def test_looks_are_a_part_of_the_plan_and_of_its_hash(toy, tmp_path):
    fixed, looked = make_plan(BASE), make_plan(BASE, LOOKS)
    assert fixed.looks is None
    others = ({"spending": "pocock"}, {"futility": 0}, {"scope": "speakers"}, {"looks": "5,8"})
    hashes = {make_plan(BASE, LOOKS, more).hash for more in others}
    assert len(hashes | {fixed.hash, looked.hash}) == 6
    file = tmp_path / "bench.toml"
    file.write_text(
        'methods = ["toy-linear", "late-concat"]\ndatasets = ["toy"]\nseeds = 8\n'
        'baseline = "late-concat"\nlooks = [5, 8]\nfutility = 0.1\n'
    )
    read = make_plan(read_toml(file), {"spending": "pocock"}).looks
    assert (read.at, read.futility, read.spending) == ((5, 8), 0.1, "pocock")


def test_the_family_is_that_of_the_whole_plan(toy):
    pairs = planned(**LOOKS).comparisons
    assert [(p.method, p.other, p.metric) for p in pairs] == [
        ("toy-linear", "late-concat", "macro_f1"), ("only:audio", "late-concat", "macro_f1"),
    ]  # fmt: skip
    assert {p.scope for p in pairs} == {"speakers"}  # each seed of toy draws its own speakers
    assert len(planned(**LOOKS, family="pairs").comparisons) == 3
    other = "simulated:redundant"
    settings = {"training.epochs": 2, "simulated.clips": 60, "simulated.speakers": 10}
    both = planned(**LOOKS, datasets=["toy", other], settings=settings).comparisons
    assert Counter(p.dataset for p in both) == {"toy": 2, other: 2}
    assert planned().comparisons == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"looks": "5,5,8"}, "expected rising numbers of seeds"),
        ({"looks": "5,4,8"}, "expected rising numbers of seeds"),
        ({"looks": "1,8"}, "from 2 on"),
        ({"looks": "5,9"}, "a look after 9 seeds is beyond the plan's 8; raise --seeds"),
        ({"looks": "5,6"}, "ends before the plan's 8 seeds; end with 8, or give --seeds 6"),
        ({"looks": "five"}, "--looks 'five'; expected numbers of seeds"),
        ({"until_decided": True, "seeds": 4}, "has one look"),
        ({"until_decided": True, "methods": ["toy-linear"]}, "nothing to decide"),
        ({"until_decided": True, "baseline": "mult"}, "'mult', which is not among those run on"),
        ({"until_decided": True, "spending": "much"}, "--spending 'much'"),
        ({"until_decided": True, "futility": 2}, "--futility 2"),
        ({"until_decided": True, "scope": "seeds"}, "whose seeds are tested on different speakers"),
        ({"until_decided": True, "metric": "log_loss"}, "does not add up over speakers"),
        ({"futility": 0.1}, "--futility 0.1 means nothing without --until-decided"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(toy, fields, message):
    with pytest.raises(UserError) as caught:
        planned(**fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_on_the_command_line_has_exit_code_2(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = [
        "run",
        "--plugin",
        str(TOY),
        "--methods",
        "toy-linear,late-concat",
        "--datasets",
        "toy",
    ]
    words += ["--seeds", "8", "--until-decided", "--looks", "5,20", "--baseline", "late-concat"]
    monkeypatch.setattr("sys.argv", ["bench", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: --looks 5,20: a look after 20 seeds is beyond the plan's 8; raise --seeds, or "
        "leave the look out\n"
    )


def test_a_plan_without_a_baseline_compares_nothing(toy):
    fields = {k: v for k, v in BASE.items() if k != "baseline"}
    with pytest.raises(UserError, match="--baseline METHOD, or --family pairs"):
        Planned(make_plan(fields, LOOKS), None)


def test_a_part_of_the_cells_decides_nothing(toy, tmp_path):
    with pytest.raises(UserError, match="leave --only-cells out"):
        run(planned(**LOOKS), tmp_path, options=Options(part=(1, 2)))


class Said(Progress):
    """Keeps the lines."""

    def __init__(self):
        super().__init__(quiet=True)
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def go_on(out):
    said = Said()
    plugins = (str(TOY), str(CROSSED))
    plan = planned(datasets=["toy-crossed"], seeds=6, looks="5,6")
    store = run(plan, out, options=Options(workers=2, plugins=plugins), progress=said)
    return store, said.lines


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A store whose run was killed in its first look."""
    from fusemark.benchmark.registry import load_plugin

    load_plugin(TOY)
    load_plugin(CROSSED)
    out = tmp_path_factory.mktemp("looks") / "run"
    words = [
        *BENCH, "run", "--plugin", str(TOY), "--plugin", str(CROSSED), "--methods", METHODS,
        "--datasets", "toy-crossed", "--seeds", "6", "--baseline", "late-concat",
        "--looks", "5,6", "--no-report", "--set", "training.epochs=2", "--out", str(out),
        "--workers", "2",
    ]  # fmt: skip
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: len(list((out / "cells").glob("*.json"))) >= 3)
    process.kill()
    assert process.wait(20) == -signal.SIGKILL
    return out


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(killed, tmp_path):
    out = killed
    kept = {p: p.stat().st_mtime_ns for p in (out / "cells").glob("*.json")}
    assert 3 <= len(kept) < 15
    store, lines = go_on(out)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept, "a finished cell was run again"
    plan, seeds = store.plan(), Counter(r["cell"]["method"] for r in store.records())
    # A linear layer of two epochs is far below the baseline at once; the other needs more seeds.
    assert seeds["toy-linear"] == 5
    assert seeds["late-concat"] == seeds["only:audio"] == 6
    assert lines[0] == "look 1 of 2, 5 seeds:"
    assert "toy-linear against late-concat" in lines[1]
    assert lines[1].endswith("worse (for new seeds on these speakers)")
    saved = 3 * 6 - sum(seeds.values())
    assert f"; {saved} of 18 trainings saved" in lines[-1]
    assert plan["registered"]["cells"] == 0
    assert plan["looks"]["at"] == [5, 6]
    assert [p["method"] for p in plan["comparisons"]] == ["toy-linear", "only:audio"]

    # Everything is read from the records: a store that lacks some of them comes to the same end.
    for path in sorted((out / "cells").glob("*.json"))[::4]:
        path.unlink()
    again, repeated = go_on(out)
    assert repeated == lines
    assert {r["id"] for r in again.records()} == {r["id"] for r in store.records()}
    assert go_on(out)[1] == lines

    write(out, ("md", "html"), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"{saved} of 18 trainings saved" in text
    assert "### Looks" in text
    assert "looks after 5, 6 seeds" in text
    assert "What is missing" not in text
    assert "| 5/5 |" in text
    assert json.loads((out / "plan.json").read_text())["hash"] in text
