"""A small tuning written by hand, in exactly the schema that ``bench tune`` writes."""

import json

SPACE = [
    {"path": "a|b.lr", "low": 1e-4, "high": 1e-2, "log": True, "choices": [], "default": 1e-3},
    {"path": "a|b.taps", "low": None, "high": None, "log": False, "choices": [[1.0], [2.0, 3.0]],
     "default": [1.0]},
]  # fmt: skip


def trial(number, state, score, lr, reason=None):
    return {
        "number": number, "state": state, "values": None if score is None else [score],
        "params": {"a|b.lr": lr, "a|b.taps": [1.0]}, "seconds": 2.0, "reason": reason,
        "default": number == 0, "scores": None, "reported": [0.1],
    }  # fmt: skip


def described(found):
    params = found["params"]
    return {"number": found["number"], "values": found["values"], "chosen": params,
            "settings": params}  # fmt: skip


def write_tuning(folder):
    """Write tune.json of one method: a trial of each kind, names that a page must escape."""
    trials = [
        trial(0, "complete", 0.5, 1e-3), trial(1, "pruned", None, 1e-4, "pruned after epoch 1"),
        trial(2, "complete", 0.75, 1e-2), trial(3, "fail", None, 1e-2, "<script> | *x*"),
    ]  # fmt: skip
    counts = {"trials": 4, "complete": 2, "pruned": 1, "fail": 1, "running": 0, "given_back": 0}
    study = {
        "method": "a|b", "dataset": "d/1", "name": "n", "score": "macro_f1", "reused": False,
        "seconds": 8.0, "counts": counts, "space": SPACE, "best": described(trials[2]),
        "default": described(trials[0]), "front": [], "importance": {"a|b.lr": 1.0},
        "trials": trials,
    }  # fmt: skip
    result = {
        "datasets": ["d/1"], "methods": ["a|b"], "size": "small", "settings": {},
        "budget": {"trials": 4, "seconds": 60.0, "text": "4 trials and at most 60 s of computing"},
        "seeds": [10000], "objectives": ["score"], "pruner": "median", "seed": 0,
        "storage": "an SQLite file", "studies": [study],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tune.json").write_text(json.dumps(result))
    return folder
