"""Sound and pictures stay beside each other, whatever times a file gives them."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from fusemark.datasets.media.decode import RATE, Video, read_sound
from fusemark.datasets.media.faults import BadClipError
from fusemark.datasets.media.prepare import Request, prepare
from fusemark.datasets.media.timing import Pace, Steps, pace
from fusemark.datasets.media.work import Prepared, Preparer

from .asked import CROPS, SOUND

FREEZE = [*range(25), *range(75, 100)]  # two seconds of 25 pictures, between them two of the last


def grey(number):
    return np.full((64, 64, 3), 20 + 3 * min(number, 74), np.uint8)


def write_pictures(path, places, fps=25, sound=None):
    """Write grey pictures, brighter and brighter, at multiples of 1/fps; 16 kHz sound beside them.

    ``sound`` has samples (n,) int16 by the second at which they begin.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=fps)
        video.width, video.height, video.pix_fmt, video.bit_rate = 64, 64, "yuv420p", 1_000_000
        video.codec_context.max_b_frames = 0
        if sound:
            track = container.add_stream("pcm_s16le", rate=RATE)
            track.layout = "mono"
        for number, place in enumerate(places):
            frame = av.VideoFrame.from_ndarray(grey(number), format="rgb24")
            frame.pts, frame.time_base = place, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for begin, samples in (sound or {}).items():
            for start in range(0, len(samples), 1600):
                part = np.ascontiguousarray(samples[None, start : start + 1600])
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = round(begin * RATE) + start
                container.mux(track.encode(frame))
    return path


def numbers(video):
    """Return which pictures a video yields, told by their brightness."""
    return [round((float(p.mean()) - 20) / 3) for p in video]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
@pytest.mark.parametrize("fps", [None, 25, 50])
def test_a_freeze_holds_its_picture(tmp_path, name, fps):
    video = Video(write_pictures(tmp_path / name, FREEZE), fps)
    expected = [*range(25), *[24] * 50, *range(25, 50)]
    if fps == 50:
        # Half a picture early a step is as near to the next one.
        expected = [n for number in expected for n in (number, number)]
        found = numbers(video)
        assert len(found) == 200
        assert sum(a != b for a, b in zip(found, expected, strict=True)) <= 50
        assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 1
    else:
        assert numbers(video) == expected
    assert video.rate == pytest.approx(fps or 25, rel=1e-3)
    assert (video.even, video.missing) == (False, 50)


def test_a_held_last_picture_lasts_as_long_as_the_file_says(tmp_path):
    """A container that says how long the last picture is shown: mp4 does."""
    frames = [SimpleNamespace(time=t, duration=d, time_base=1) for t, d in ((0.0, 0.04),
              (0.04, 0.04), (0.08, 1.04))]  # fmt: skip
    assert [f.time for f in Steps("a", Pace(25.0, False))(frames)] == [0.0, 0.04, *[0.08] * 26]
    assert [f.time for f in Steps("a", Pace(25.0, False), 5)(frames)] == [0.0, *[0.08] * 5]


def test_twice_as_many_pictures_for_a_second(tmp_path):
    """25 a second, then 50 a second, then 25: the rate is that of most, and time goes on evenly."""
    places = [*range(0, 50, 2), *range(50, 75), *range(76, 126, 2)]
    video = Video(write_pictures(tmp_path / "a.mkv", places, fps=50))
    found = np.array(numbers(video))
    assert video.rate == pytest.approx(25, rel=0.05)
    shown = np.array(places)[np.clip(found, 0, 74)] / 50
    assert np.abs(shown - np.arange(len(found)) / video.rate).max() < 2 / 25


@pytest.mark.parametrize("suffix", ["flv", "avi", "mp4", "mkv"])
def test_an_even_file_keeps_every_picture_once(tmp_path, film, suffix):
    codec, audio = ("flv1", "mp3") if suffix == "flv" else ("mpeg4", "aac")
    path = film(tmp_path / f"a.{suffix}", seconds=1.0, fps=25, codec=codec, audio=audio,
                sound=None if suffix == "avi" else "tone")  # fmt: skip
    video = Video(path)
    assert len(list(video)) == 25
    assert (video.even, video.missing) == (True, 0)
    assert suffix == "avi" or read_sound(path).filled == 0


def test_the_pace_of_pictures():
    even = np.arange(100) / 30
    assert pace(even, 30.0) == Pace(30.0)
    jitter = np.round(even + np.random.default_rng(0).uniform(-0.02, 0.02, 100), 3)
    assert pace(jitter, 30.0) == Pace(30.0)
    assert pace(even, None) == Pace(None)
    # What a header claims is not believed against the times.
    found = pace(np.round(even, 3), 1000.0)
    assert found.rate == pytest.approx(30, rel=0.01)
    assert not found.even
    assert pace(np.array([0.0]), 25.0) == Pace(25.0)


@pytest.mark.parametrize("fps", [None, 25])
def test_a_jump_of_hours_is_a_bad_clip(tmp_path, fps):
    path = write_pictures(tmp_path / "a.mkv", [*range(10), *range(90_000, 90_010)])
    said = r"^a\.mkv has one picture from 0\.36 to 3600\.00 s, [^\n]*$"
    with pytest.raises(BadClipError, match=said):
        list(Video(path, fps))


def test_silence_stands_for_a_gap_in_the_sound(tmp_path, sine):
    loud = sine(1.0, RATE)
    path = write_pictures(tmp_path / "a.mkv", range(100), sound={0: loud, 3: loud})
    sound = read_sound(path)
    expected = np.concatenate([loud, np.zeros(2 * RATE, np.int16), loud])
    np.testing.assert_array_equal(sound.samples, expected)
    assert sound.filled == pytest.approx(2.0)
    path = write_pictures(tmp_path / "b.mkv", range(100), sound={0: loud, 3000: loud})
    with pytest.raises(BadClipError, match=r"^b\.mkv has no sound from 1\.00 to 3000\.00 s"):
        read_sound(path)


def test_jitter_in_the_times_leaves_sound_as_it_is(tmp_path, sine):
    loud = sine(1.0, RATE)
    late = {0.0: loud[:4800], 0.34: loud[4800:8000], 0.5: loud[8000:]}
    sound = read_sound(write_pictures(tmp_path / "a.mkv", range(25), sound=late))
    np.testing.assert_array_equal(sound.samples, loud)
    assert sound.filled == 0


def test_what_was_filled_is_flagged(tmp_path, sine):
    loud = sine(1.0, RATE)
    write_pictures(tmp_path / "c" / "x" / "p" / "a.mkv", range(100), sound={0: loud, 3: loud})
    write_pictures(tmp_path / "c" / "y" / "q" / "b.mkv", range(100), sound={0: sine(4.0, RATE)})
    store, _ = prepare(Request("media", tmp_path / "c", tmp_path / "s", SOUND))
    assert store.columns["flags"] == ["silence in place of gaps in the sound", ""]
    assert store.columns["audio_length"][0] == store.columns["audio_length"][1]


def matrix_in(content, values):
    """Write the display matrix of the first track of an mp4."""
    place = content.index(b"tkhd") + 44
    numbers = b"".join(int(v).to_bytes(4, "big", signed=True) for v in values)
    return content[:place] + numbers + content[place + 36 :]


def test_uneven_pictures_are_flagged(tmp_path):
    places = {"freeze": FREEZE, "even": range(50)}
    for name, flags in (("freeze", ["pictures at uneven times"]), ("even", [])):
        result = Prepared()
        path = write_pictures(tmp_path / f"{name}.mkv", places[name])
        Preparer(CROPS).look(path, result, thumbnail=False)
        assert result.flags == flags
        assert result.facts["pictures"] == len(places[name]) + result.facts["missing"]


ONE, END = 1 << 16, 1 << 30
TURNS = {
    "mirror": ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda p: p[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "a quarter right": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "a quarter left": ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
    "mirror and quarter": ((0, 1, 1, 0), lambda p: p.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("how", TURNS)
def test_pictures_are_turned_and_mirrored_as_the_file_asks(tmp_path, film, how):
    path = film(tmp_path / "a.mp4", codec="mpeg4", sound=None, pictures=2)
    plain = list(Video(path))
    (a, b, c, d), turned = TURNS[how]
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, END)
    (tmp_path / "b.mp4").write_bytes(matrix_in(path.read_bytes(), matrix))
    for found, expected in zip(Video(tmp_path / "b.mp4"), plain, strict=True):
        np.testing.assert_array_equal(found, turned(expected))
