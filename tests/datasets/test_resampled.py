"""A dataset at a lower rate: means over shares of the time, and everything else unchanged."""

import numpy as np
import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cell import open_dataset
from fusemark.datasets.resampled import averaged

SETTINGS = {"settings": "clips=60", "rate": 0.5}


def opened(**settings):
    return open_dataset("resampled:simulated:lag", {**SETTINGS, **settings}, None)


def plain():
    return open_dataset("simulated:lag", {"clips": 60}, None)


def test_two_frames_become_their_mean():
    values = np.arange(24, dtype=np.float32).reshape(8, 3)
    expected = (values[0::2] + values[1::2]) / 2
    np.testing.assert_allclose(averaged(values, 0.5), expected)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 5)])
def test_the_mean_over_time_stays_where_shares_are_equal(shape):
    values = np.random.default_rng(0).normal(size=(12, *shape)).astype(np.float32)
    found = averaged(values, 0.25)
    assert found.shape == (3, *shape)
    np.testing.assert_allclose(found.mean(0), values.mean(0), atol=1e-6)


def test_at_the_full_rate_nothing_changes():
    full, before = opened(rate=1.0), plain()
    positions = np.arange(3)
    assert full.task == before.task
    for a, b in zip(full.examples(positions), before.examples(positions), strict=True):
        for name in b:
            np.testing.assert_array_equal(a[name], b[name])


def test_examples_are_as_long_as_the_task_says():
    half, before = opened(), plain()
    positions = np.arange(20)
    for short, whole in zip(half.examples(positions), before.examples(positions), strict=True):
        for name, values in whole.items():
            assert len(short[name]) == max(1, round(len(values) / 2))
            assert len(short[name]) <= half.task.modalities[name].max_length


def test_who_is_in_which_part_stays():
    half, before = opened(), plain()
    splits = [d.split(np.random.default_rng(3), 0) for d in (half, before)]
    for part in ("train", "valid", "test"):
        np.testing.assert_array_equal(*(getattr(s, part) for s in splits))
    np.testing.assert_array_equal(half.labels, before.labels)
    assert (half.groups, half.design, half.folds) == (before.groups, before.design, before.folds)


def test_the_fingerprint_tells_rates_and_contents_apart():
    several = [opened(), opened(rate=0.25), opened(settings="clips=61"), plain()]
    assert len({d.fingerprint() for d in several}) == 4
    assert opened().fingerprint() == several[0].fingerprint()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("resampled:simulated:lag", {"rate": 0}, "has rate 0.0; expected a share"),
        ("resampled:simulated:lag", {"rate": 1.5}, "has rate 1.5; expected a share"),
        ("resampled:simulated:lag", {"settings": "clips"}, "'clips'; expected name=value"),
        ("resampled:simulated:lag", {"settings": "clisp=3"}, "did you mean 'clips'"),
        ("resampled", {}, "names nothing to resample"),
        ("resampled:resampled:simulated:lag", {}, "names nothing to resample"),
        ("resampled:utd-mahd", {}, "unknown dataset 'utd-mahd'; did you mean 'utd-mhad'"),
    ],
)
def test_mistakes_are_one_line(name, settings, message):
    with pytest.raises(UserError, match=message):
        open_dataset(name, settings, None)
