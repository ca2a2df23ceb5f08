"""The feature store: what is written comes back, and a damaged store is one line."""

import json
import re

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.features import Features
from fusemark.datasets.ravdess import Ravdess
from fusemark.datasets.storage.features import Stored

from .stores import CLIPS, KINDS, arrays, write


def opened(path, **settings):
    return Features(configure(Features.Config, {"path": str(path), **settings}, "features"))


def test_values_come_back(tmp_path):
    write(tmp_path / "s", order=[5, 0, 11, 3, 1, 2, 4, 6, 7, 8, 9, 10], absent={(4, "visual")})
    data = opened(tmp_path / "s")
    assert data.task.names == ("audio", "visual")
    assert data.task.outputs == ("b", "a")  # the corpus's own order
    assert data.labels.tolist() == [1, 0] * 6
    assert data.task.modalities["audio"].rate == 62.5
    assert data.task.modalities["audio"].max_length == 13
    assert data.task.modalities["visual"].shape == (3, 4, 4)
    for i, example in zip([7, 0, 4], data.examples(np.array([7, 0, 4])), strict=True):
        np.testing.assert_array_equal(example["audio"], arrays(i)["audio"])
        if i == 4:
            assert example["visual"] is None
            continue
        pixels = arrays(i)["visual"].transpose(0, 3, 1, 2).astype(np.float64)
        np.testing.assert_allclose(example["visual"], (pixels - 127.5) / 128, atol=1e-7)
        assert np.abs(example["visual"]).max() <= 1


def test_half_precision_is_rounded_once(tmp_path):
    write(tmp_path / "s", kinds={"audio": Stored("float16", (3,))})
    data = opened(tmp_path / "s")
    found = next(data.examples(np.array([3])))["audio"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, arrays(3)["audio"].astype(np.float16))
    with pytest.raises(ValueError, match="not finite in float16"):
        Stored("float16", (1,)).encoded(np.array([[1e6]]))


def test_the_fingerprint_is_of_the_content_alone(tmp_path):
    first = write(tmp_path / "a").fingerprint()
    assert write(tmp_path / "b", order=reversed(range(CLIPS))).fingerprint() == first
    prints = {
        first,
        write(tmp_path / "c", change=4).fingerprint(),
        write(tmp_path / "d", absent={(4, "visual")}).fingerprint(),
        write(tmp_path / "e", kinds=KINDS | {"audio": Stored("float32", (3,), 50.0)}).fingerprint(),
        write(tmp_path / "f", labels="ba").fingerprint(),
    }
    assert len(prints) == 5
    one, both = opened(tmp_path / "a", modalities="audio"), opened(tmp_path / "a")
    changed = opened(tmp_path / "c", modalities="visual")
    assert one.fingerprint() != both.fingerprint()
    # What is not used plays no part.
    assert changed.fingerprint() == opened(tmp_path / "a", modalities="visual").fingerprint()


def test_protocols(tmp_path):
    write(tmp_path / "s")
    drawn = opened(tmp_path / "s")
    assert drawn.design == "re-drawn"
    folds = opened(tmp_path / "s", protocol="folds", folds=3)
    tested = []
    for data, fold in ((drawn, 0), *((folds, fold) for fold in range(3))):
        split = data.split(np.random.default_rng(fold), fold)
        split.check(data)
        parts = [{data.groups[i] for i in part} for part in (split.train, split.valid, split.test)]
        assert sum(map(len, parts)) == 6
        assert set.union(*parts) == set(data.groups)
        tested += [sorted(parts[2])] * (data is folds)
    assert tested == [["s0", "s1"], ["s2", "s3"], ["s4", "s5"]]
    write(tmp_path / "g", splits=["train"] * 6 + ["valid"] * 2 + ["test"] * 4)
    given = opened(tmp_path / "g")
    assert [len(p) for p in vars(given.split(np.random.default_rng(0), 0)).values()] == [6, 2, 4]
    assert not given.leaks
    write(tmp_path / "l", splits=["train", "test"] * 6)
    assert opened(tmp_path / "l").leaks


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"modalities": "audoi"}, "no modality 'audoi'; it has audio, visual"),
        ({"protocol": "folds", "folds": 7}, "folds=7 of 6 speakers"),
        ({"protocol": "given"}, "no clip is in 'train'"),
        ({"flag": True}, "flag=true needs visual vectors"),
    ],
)
def test_mistakes_in_settings(tmp_path, settings, said):
    write(tmp_path / "s")
    with pytest.raises(UserError, match=said):
        opened(tmp_path / "s", **settings)


def test_folds_by_actor_are_ravdesss_own(tmp_path):
    write(tmp_path / "s", corpus="ravdess")
    config = configure(Ravdess.Config, {"path": str(tmp_path / "s"), "folds": 3}, "ravdess")
    data = Ravdess(config)
    assert data.name == f"ravdess:{tmp_path / 's'}"
    assert (data.design, data.folds) == ("crossed", 3)
    write(tmp_path / "t")
    with pytest.raises(UserError, match="it holds 'test', not RAVDESS; use features:PATH"):
        Ravdess(configure(Ravdess.Config, {"path": str(tmp_path / "t")}, "ravdess"))


def test_one_label(tmp_path):
    write(tmp_path / "s", labels="bb")
    with pytest.raises(UserError, match=r"1 label \(b\); expected two or more"):
        opened(tmp_path / "s")


def spoil_meta(path, **changes):
    meta = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({**meta, **changes}))


SPOILT = {
    "no folder": lambda p: p.rename(p.with_name("away")),
    "no store.json": lambda p: (p / "store.json").unlink(),
    "cut store.json": lambda p: (p / "store.json").write_text("{"),
    "list": lambda p: (p / "store.json").write_text("[]"),
    "other format": lambda p: spoil_meta(p, format=99),
    "object dtype": lambda p: spoil_meta(
        p, modalities={"audio": {"dtype": "object", "shape": [3], "rate": None}}
    ),
    "unknown modality": lambda p: spoil_meta(
        p, modalities={"smell": {"dtype": "float32", "shape": [3], "rate": None}}
    ),
    "path for a name": lambda p: spoil_meta(
        p, modalities={"../away": {"dtype": "float32", "shape": [3], "rate": None}}
    ),
    "no values": lambda p: (p / "audio.values").unlink(),
    "short values": lambda p: (p / "audio.values").write_bytes(b"\0" * 120),
    "odd values": lambda p: (p / "audio.values").open("ab").write(b"\0"),
    "no index": lambda p: (p / "index.parquet").unlink(),
    "other index": lambda p: (p / "index.parquet").write_bytes(b"PAR1"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_damaged_store_is_one_line(tmp_path, kind):
    write(tmp_path / "s")
    SPOILT[kind](tmp_path / "s")
    with pytest.raises(UserError) as error:
        opened(tmp_path / "s")
    said = r"feature store [^\n]*(damaged|unfinished|holds no feature store)[^\n]*prepare[^\n]*"
    assert re.fullmatch(said, str(error.value))
