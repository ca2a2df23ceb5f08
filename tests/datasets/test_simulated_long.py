"""The task ``long``: places of its events, and what truncation leaves."""

import numpy as np
import pytest
from fusemark.datasets.simulated import Simulated
from fusemark.datasets.simulation.truncation import crop, frame_discard, touched
from scipy.stats import binom


def long(**settings):
    return Simulated(Simulated.Config(task="long", **settings))


def test_events_lie_far_apart_and_within_the_clip():
    dataset = long(length=333, event=5, clips=3000)
    clips = dataset.simulated.clips
    lengths, starts = clips.lengths, clips.events
    assert (lengths["visual"].min(), lengths["visual"].max()) == (250, 333)
    early, late = starts["visual"].T
    assert early.min() == 0
    assert (lengths["visual"] - late - 5).min() == 0
    assert (late - early - 5 >= 5 / 8 * lengths["visual"]).all()
    assert (starts["audio"][:, 0] + 2 <= lengths["audio"]).all()


@pytest.mark.parametrize("length", [16, 100, 8192])
def test_any_length_up_to_8192(length):
    dataset = long(length=length, event=1, clips=40)
    example = next(iter(dataset.examples(np.array([3]))))
    assert dataset.task.modalities["visual"].max_length == length
    assert dataset.task.modalities["audio"].max_length == length // 2
    assert 3 / 4 * length <= len(example["visual"]) <= length


def test_noise_free_values_are_on_for_the_events_alone():
    dataset = long(noise=0.0, speaker_offset=0.0, clips=40)
    clips = dataset.simulated.clips
    for position, example in zip(range(40), dataset.examples(np.arange(40)), strict=True):
        on = np.flatnonzero(np.abs(example["visual"]).sum(1))
        starts = clips.events["visual"][position]
        np.testing.assert_array_equal(on, np.concatenate([s + np.arange(8) for s in starts]))
        on = np.flatnonzero(np.abs(example["audio"]).sum(1))
        np.testing.assert_array_equal(on, clips.events["audio"][position, 0] + np.arange(4))


def test_what_keeps_everything_loses_nothing():
    task = long(symbols=3).simulated
    for kept in ({}, {"visual": crop(512)}, {"visual": frame_discard(1), "audio": crop(256)}):
        assert task.truncated_ceiling(kept) == pytest.approx(1.0)
    # An event of 8 steps always holds one of every eight.
    assert task.truncated_ceiling({"visual": frame_discard(8)}) == pytest.approx(1.0)


def test_a_short_crop_sees_one_end_or_none():
    q = 3
    task = long(symbols=q).simulated
    # The first eighth of the longest clip, with the event that begins on its last step.
    whole_window = 512 // 8 + 8
    assert task.truncated_ceiling({"visual": crop(whole_window, "start")}) == pytest.approx(1 / q)
    assert task.truncated_ceiling({"visual": crop(whole_window, "end")}) == pytest.approx(1 / q)
    assert task.truncated_ceiling({"visual": crop(whole_window)}) == pytest.approx(1 / q**2)


def test_frame_discard_comes_close_to_the_event_over_the_stride():
    q, every = 2, 20
    task = long(symbols=q, length=4096).simulated
    seen = 8 / every
    expected = (seen + (1 - seen) / q) ** 2
    assert task.truncated_ceiling({"visual": frame_discard(every)}) == pytest.approx(
        expected, abs=0.01
    )


@pytest.mark.parametrize(
    "kept",
    [
        {"visual": crop(40, "start")},
        {"visual": crop(350)},
        {"visual": crop(40, "end"), "audio": crop(60)},
        {"visual": frame_discard(13)},
        {"visual": frame_discard(17), "audio": frame_discard(6)},
    ],
)
def test_the_best_decision_on_what_is_left_has_the_stated_accuracy(kept):
    n, q = 6000, 3
    dataset = long(clips=n, symbols=q, label_noise=0.1)
    clips = dataset.simulated.clips
    guess = np.random.default_rng(1).integers(q, size=(n, 3))
    truth = {"visual": [clips.symbols["visual"] // q, clips.symbols["visual"] % q],
             "audio": [clips.symbols["audio"]]}  # fmt: skip
    lasts, decided = {"visual": 8, "audio": 4}, []
    for modality in ("visual", "audio"):
        for event, symbol in enumerate(truth[modality]):
            keep = kept.get(modality, lambda length: np.ones(length, bool))
            seen = [
                touched(keep(int(length)), lasts[modality], starts[[event]])[0]
                for length, starts in zip(
                    clips.lengths[modality], clips.events[modality], strict=True
                )
            ]
            decided.append(np.where(seen, symbol, guess[:, len(decided)]))
    early, late, audio = decided
    right = (q * (q * early + late) + audio == dataset.labels).sum()
    low, high = binom.interval(0.999, n, dataset.simulated.truncated_ceiling(kept))
    assert low <= right <= high
