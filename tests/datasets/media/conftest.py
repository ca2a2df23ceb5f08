"""Makes small media files: a face that moves, tones and noise."""

import importlib.util
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

NEEDED = ("av", "facenet_pytorch", "opensmile", "skimage")


@pytest.fixture(scope="session", autouse=True)
def media_packages():
    """Skip where a package of the extra ``media`` is not installed."""
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it belongs to the extra 'media'")


def astronaut(place=0, size=(240, 180)):
    """A picture (height, width, 3) of scikit-image's astronaut, moved by some pixels."""
    from skimage.data import astronaut

    width, height = size
    place = abs((place + 40) % 80 - 40)  # to and fro
    x, y = 110 + 2 * place, 20 + place
    return np.ascontiguousarray(astronaut()[y : y + height, x : x + width])


def tone(seconds, rate, kind="tone", frequency=300.0):
    """Samples (n,) int16: a tone, bursts of noise, or nothing."""
    n = round(seconds * rate)
    if kind == "silence":
        return np.zeros(n, np.int16)
    if kind == "noise":
        gate = np.arange(n) // (rate // 8) % 2
        return (np.random.default_rng(0).normal(0, 4000, n) * gate).astype(np.int16)
    return (8000 * np.sin(2 * np.pi * frequency * np.arange(n) / rate)).astype(np.int16)


def write_film(
    path, seconds=0.6, fps=10, sound="tone", face=True, codec="flv1", audio="mp3", rate=22050,
    frequency=300.0, pictures=None, start=0, late=0.0, shown=0,
):  # fmt: skip
    """Write a video with a moving face; ``sound`` None for none, ``face`` None for no pictures.

    The sound begins ``late`` seconds, the pictures ``shown`` frames after the file's beginning.
    """
    import av

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        if face is not None:
            video = container.add_stream(codec, rate=fps)
            video.width, video.height, video.pix_fmt = 240, 180, "yuv420p"
            video.bit_rate = 1_000_000
        if sound is not None:
            track = container.add_stream(audio, rate=rate)
            track.layout = "mono"
        for i in range(round(seconds * fps) if pictures is None else pictures):
            if face is None:
                break
            picture = astronaut(start + i) if face else np.full((180, 240, 3), 90, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = shown + i
            container.mux(video.encode(frame))
        if face is not None:
            container.mux(video.encode())
        if sound is not None:
            samples = tone(seconds, rate, sound, frequency)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, round(late * rate)
            frame.time_base = Fraction(1, rate)
            context = track.codec_context
            cut = av.AudioResampler(context.format, "mono", rate, context.frame_size)
            for piece in [*cut.resample(frame), *cut.resample(None)]:
                container.mux(track.encode(piece))
            container.mux(track.encode())
    return path


def write_wav(path, channels, rate):
    """Write samples (n, channels) int16 as WAV."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(channels, np.int16).tobytes())
    return Path(path)


@pytest.fixture
def film():
    return write_film


@pytest.fixture
def wav():
    return write_wav


@pytest.fixture
def sine():
    return tone


@pytest.fixture
def portrait():
    return astronaut


ACTORS = ("1001", "1002", "1003", "1004")
EMOTIONS = ("ANG", "NEU")


@pytest.fixture(scope="session")
def little_cremad(media_packages, tmp_path_factory):
    """A corpus in CREMA-D's layout: 8 clips of 4 actors and 2 emotions, a moving face and sound.

    The raters were at odds about the first clip, and took the second for the first's emotion.
    """
    root = tmp_path_factory.mktemp("CREMA-D")
    sexes = "".join(f'{actor},30,"{"FM"[i % 2]}","?","?"\n' for i, actor in enumerate(ACTORS))
    (root / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n' + sexes
    )
    votes = ['"","A","D","F","H","N","S","fileName"']
    for i, name in enumerate(
        f"{actor}_IEO_{emotion}_XX" for actor in ACTORS for emotion in EMOTIONS
    ):
        counts = {0: "5,0,0,0,5,0", 1: "9,0,0,0,1,0"}.get(i, ("8,0,0,0,2,0", "1,0,0,0,9,0")[i % 2])
        votes += [f'"{kind}{i:05d}",{counts},"{name}"' for kind in "123"]
    (root / "processedResults").mkdir()
    (root / "processedResults" / "tabulatedVotes.csv").write_text("\n".join(votes) + "\n")
    for a, actor in enumerate(ACTORS):
        for e, emotion in enumerate(EMOTIONS):
            write_film(
                root / "VideoFlash" / f"{actor}_IEO_{emotion}_XX.flv",
                seconds=0.5 + 0.1 * e, sound=("noise", "tone")[e], frequency=150 + 40 * a,
                start=3 * a,
            )  # fmt: skip
    return root
