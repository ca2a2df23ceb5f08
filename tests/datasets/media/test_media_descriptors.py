"""openSMILE's 130 columns against openSMILE's own outputs."""

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.media.decode import RATE
from fusemark.datasets.media.descriptors import Descriptors, Framing
from fusemark.datasets.media.faults import BadClipError

opensmile = pytest.importorskip("opensmile")

STOCK = Framing(window=0.020, window_f0=0.060, step=0.010)


def voice(seconds):
    """A voice-like sound: fifteen harmonics of a gliding pitch, in bursts, over a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(150 + 20 * np.sin(2 * np.pi * 3 * time)) / RATE
    sound = sum(np.sin(h * phase) / h for h in range(1, 16))
    sound = 0.1 * sound * (np.sin(2 * np.pi * 1.3 * time) > -0.5)
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(time))
    return np.clip(32767 * (sound + noise), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("seconds", [0.5, 2.003, 3.0])
def test_stock_framing_equals_opensmile_to_the_last_bit(seconds):
    samples = voice(seconds)
    found = Descriptors(STOCK)(samples)
    signal = samples.astype(np.float32) / 32768
    levels = opensmile.FeatureLevel
    for level, columns in (
        (levels.LowLevelDescriptors, found[:, :65]),
        (levels.LowLevelDescriptors_Deltas, found[:, 65:]),
    ):
        own = opensmile.Smile(opensmile.FeatureSet.ComParE_2016, level)
        expected = own(signal, RATE)[0].T
        # openSMILE writes up to two deltas beyond the last descriptor.
        assert 0 <= len(expected) - len(columns) <= 2
        np.testing.assert_array_equal(columns, expected[: len(columns)])


def test_names_are_opensmiles():
    levels = opensmile.FeatureLevel
    own = [
        name
        for level in (levels.LowLevelDescriptors, levels.LowLevelDescriptors_Deltas)
        for name in opensmile.Smile(opensmile.FeatureSet.ComParE_2016, level).feature_names
    ]
    assert Descriptors(Framing()).names == own


@pytest.mark.parametrize(
    "framing", [Framing(), Framing(0.032, 0.032), STOCK, Framing(0.04, 0.05, 0.02)]
)
def test_frames_of_each_duration(framing):
    compute = Descriptors(framing)
    longest = round(max(framing.window, framing.window_f0) * RATE)
    for samples in (longest, longest + 1, longest + 255, 16000, 48000, 48001):
        found = compute(voice(samples / RATE))
        assert found.shape == (framing.frames(samples), 130)
        assert np.isfinite(found).all()
    with pytest.raises(BadClipError, match="shorter than a window"):
        compute(voice((longest - 1) / RATE))


def test_three_seconds_in_the_papers_framing():
    assert Framing(0.032, 0.032, 0.016).frames(48000) == 187
    assert Framing().frames(48000) == 185


def test_the_literal_window_loses_pitch():
    low = voice(3.0)
    pitch = Descriptors(Framing()).names.index("F0final_sma")
    assert (Descriptors(Framing())(low)[:, pitch] > 0).mean() > 0.5
    assert (Descriptors(Framing(0.032, 0.032))(low)[:, pitch] > 0).mean() < 0.1


def test_silence_and_full_scale_are_finite():
    compute = Descriptors(Framing())
    for samples in (np.zeros(8000, np.int16), np.full(8000, 32767, np.int16)):
        assert np.isfinite(compute(samples)).all()


@pytest.mark.parametrize("name", ["window", "window_f0", "step"])
@pytest.mark.parametrize("value", [0.0, -1.0, 5.0, float("nan")])
def test_framing_out_of_range(name, value):
    with pytest.raises(UserError, match=f"{name}=.*expected seconds"):
        Framing(**{name: value})
