"""Real talking faces: every clip through, a face in nearly every picture."""

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.features import Features
from fusemark.datasets.media.decode import read_sound
from fusemark.datasets.media.descriptors import Framing
from fusemark.datasets.media.prepare import Request, prepare
from fusemark.datasets.media.settings import Settings
from fusemark.datasets.ravdess import Ravdess

CROPS = Settings(visual="crops", crop_size=48)


@pytest.fixture
def a_few(data_root, tmp_path):
    """A folder with copies of a few real clips, by different speakers."""
    folder = data_root / "av_clips"
    if not folder.is_dir():
        pytest.skip("no folder av_clips under the data root")
    for name in ("bbaf2n.mpg", "lwbsza.mpg"):
        (tmp_path / "c" / "x" / name[:3]).mkdir(parents=True)
        (tmp_path / "c" / "x" / name[:3] / name).write_bytes((folder / name).read_bytes())
    return tmp_path / "c"


def check(store, quality, root, suffix=""):
    assert not quality.bad
    assert quality.faces > 0.98
    for i, name in enumerate(store.columns["id"]):
        path = next(root.rglob(f"{name}{suffix}.*"))
        samples = len(read_sound(path).samples)
        assert store.raw("audio", i).shape == (Framing().frames(samples), 130)
        assert len(store.raw("visual", i)) == len(store.raw("face", i))


def test_a_few_clips(a_few, tmp_path):
    store, quality = prepare(Request("media", a_few, tmp_path / "s", CROPS))
    check(store, quality, a_few)
    assert [len(store.raw("visual", i)) for i in range(2)] == [75, 75]
    # 2.978 s of sound: 184 frames of 60 ms every 16 ms.
    assert [len(store.raw("audio", i)) for i in range(2)] == [184, 184]
    assert store.modalities["visual"].rate == 25


@pytest.mark.slow
@pytest.mark.parametrize(("corpus", "folder"), [("media", "av_clips"), ("grid", "grid_s1")])
def test_all_clips(data_root, tmp_path, corpus, folder):
    if not (data_root / folder).is_dir():
        pytest.skip(f"no folder {folder} under the data root")
    request = Request(corpus, data_root / folder, tmp_path / "s", CROPS)
    store, quality = prepare(request)
    assert len(store) == {"media": 12, "grid": 40}[corpus]
    check(store, quality, data_root / folder)
    with pytest.raises(UserError, match=r"label|speakers"):  # one speaker: nothing to split
        Features(Features.Config(path=str(tmp_path / "s")))


@pytest.mark.slow
def test_ravdess(data_root, tmp_path):
    if not (data_root / "ravdess").is_dir():
        pytest.skip("no folder ravdess under the data root")
    request = Request("ravdess", data_root / "ravdess", tmp_path / "s", Settings())
    store, quality = prepare(request)
    assert not quality.bad
    assert len(store) == 1440
    data = Ravdess(Ravdess.Config(path=str(store.path)))
    assert data.folds == 6
    assert data.task.outputs[0] == "neutral"
    assert np.bincount(data.labels).tolist() == [96] + [192] * 7
    assert data.task.modalities["visual"].shape == (35,)
    for fold in range(6):
        split = data.split(np.random.default_rng(0), fold)
        split.check(data)
        tested = sorted({data.groups[i] for i in split.test})
        assert tested == [f"actor-{4 * fold + i:02d}" for i in range(1, 5)]
        assert [len(p) for p in (split.train, split.valid, split.test)] == [960, 240, 240]
