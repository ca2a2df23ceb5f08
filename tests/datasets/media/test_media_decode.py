"""Decoding: sound as a resampler must give it, and one line for whatever is broken."""

import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
from fusemark.datasets.media.decode import RATE, Video, read_sound
from fusemark.datasets.media.faults import BadClipError


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_keeps_its_length_pitch_and_level(tmp_path, wav, sine, rate, channels):
    samples = np.repeat(sine(1.003, rate)[:, None], channels, 1)
    sound = read_sound(wav(tmp_path / "a.wav", samples, rate))
    assert (sound.rate, sound.channels) == (rate, channels)
    # Flushed: not a sample is left in the resampler's filter.
    assert abs(len(sound.samples) - 1.003 * RATE) <= 2
    middle = sound.samples[2000:14000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * RATE / len(middle) == pytest.approx(300, abs=1.4)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.01)


def test_sixteen_kilohertz_mono_comes_back_to_the_last_bit(tmp_path, wav, sine):
    samples = sine(0.7, RATE, "noise")
    sound = read_sound(wav(tmp_path / "a.wav", samples[:, None], RATE))
    np.testing.assert_array_equal(sound.samples, samples)


def test_stereo_is_averaged(tmp_path, wav, sine):
    left = sine(0.5, RATE)
    opposed = read_sound(wav(tmp_path / "a.wav", np.stack([left, -left], 1), RATE))
    assert np.abs(opposed.samples).max() <= 1
    one = read_sound(wav(tmp_path / "b.wav", np.stack([left, 0 * left], 1), RATE))
    np.testing.assert_allclose(one.samples, left / 2, atol=1)


def test_level_in_decibels_of_full_scale(tmp_path, wav, sine):
    sound = read_sound(wav(tmp_path / "a.wav", sine(1.0, RATE)[:, None], RATE))
    assert sound.level == pytest.approx(20 * np.log10(8000 / 32768) - 3.0103, abs=0.01)
    silent = read_sound(wav(tmp_path / "b.wav", np.zeros((800, 1)), RATE))
    assert silent.level == -np.inf


@pytest.mark.parametrize("name", ["a.flv", "a.avi", "a.mp4", "a.mkv", "ä ö/имя с пробелом.flv"])
def test_pictures_of_all_containers(tmp_path, film, portrait, name):
    codec, sound = ("flv1", "mp3") if name.endswith("flv") else ("mpeg4", "aac")
    path = film(tmp_path / name, seconds=0.5, codec=codec, audio=sound)
    video = Video(path)
    pictures = list(video)
    assert len(pictures) == 5
    assert video.rate == pytest.approx(10)
    assert video.size == (240, 180)
    # Red, green, blue in their order, and not upside down.
    assert np.abs(pictures[2].astype(int) - portrait(2)).mean() < 8
    assert read_sound(path).seconds == pytest.approx(0.5, abs=0.08)


def test_a_grid_of_pictures_per_second(tmp_path, film):
    path = film(tmp_path / "a.flv", seconds=1.0, fps=25)
    assert len(list(Video(path))) == 25
    assert [len(list(Video(path, fps))) for fps in (5, 10, 25, 50)] == [5, 10, 25, 50]


@pytest.mark.parametrize("name", ["a.flv", "a.avi", "a.mp4", "a.mkv"])
def test_one_long_last_picture_is_no_truncation(tmp_path, film, name):
    """At one picture a second the last one begins a second before the end."""
    codec, sound = ("flv1", "mp3") if name.endswith("flv") else ("mpeg4", "aac")
    path = film(tmp_path / name, seconds=3.0, fps=1, codec=codec, audio=sound)
    assert len(list(Video(path))) == 3
    assert read_sound(path).seconds == pytest.approx(3.0, abs=0.2)


def test_no_audio_no_pictures_and_a_song_with_a_cover(tmp_path, film, wav, sine, portrait):
    import av

    assert read_sound(film(tmp_path / "a.flv", sound=None)) is None
    assert list(Video(film(tmp_path / "b.flv", face=None))) == []
    with av.open(str(tmp_path / "c.mp3"), "w") as container:
        track = container.add_stream("mp3", rate=22050)
        cover = container.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 240, 180, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(sine(0.5, 22050)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 22050, 0
        cut = av.AudioResampler(
            track.codec_context.format, "mono", 22050, track.codec_context.frame_size
        )
        container.mux(cover.encode(av.VideoFrame.from_ndarray(portrait(), format="rgb24")))
        for piece in [*cut.resample(frame), *cut.resample(None)]:
            container.mux(track.encode(piece))
        container.mux(track.encode())
    assert list(Video(tmp_path / "c.mp3")) == []
    assert read_sound(tmp_path / "c.mp3").seconds == pytest.approx(0.5, abs=0.08)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:10dc3f\nsize 265922\n"
BROKEN = {
    "missing": (None, "is missing"),
    "empty": (b"", "is empty"),
    "pointer": (POINTER.encode(), "git lfs pull"),
    "text": (b"once upon a time\n" * 400, "cannot be decoded"),
    "noise": (np.random.default_rng(1).bytes(20000), "cannot be decoded"),
    "zeros": (bytes(50000), "cannot be decoded"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("suffix", [".flv", ".mp4", ".wav", ".mpg"])
def test_broken_files_are_one_line(tmp_path, kind, suffix):
    content, said = BROKEN[kind]
    path = tmp_path / f"a{suffix}"
    if content is not None:
        path.write_bytes(content)
    if kind in ("noise", "zeros"):  # a decoder may take them for a stream with nothing in it
        with suppress(BadClipError):
            assert not list(Video(path))
        return
    for read in (read_sound, lambda p: list(Video(p))):
        with pytest.raises(BadClipError) as error:
            read(path)
        assert re.fullmatch(rf"a{suffix} [^\n]*{said}[^\n]*", str(error.value))


SAID = r"truncated|cannot be decoded|breaks off|damaged"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
@pytest.mark.parametrize("suffix", [".flv", ".mp4", ".avi", ".mkv"])
def test_a_download_that_broke_off(tmp_path, film, suffix, share):
    codec, sound = ("flv1", "mp3") if suffix == ".flv" else ("mpeg4", "aac")
    path = film(tmp_path / f"a{suffix}", seconds=3.0, codec=codec, audio=sound)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    for read in (read_sound, lambda p: list(Video(p))):
        with pytest.raises(BadClipError, match=SAID):
            read(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.85])
@pytest.mark.parametrize(("suffix", "codec"), [(".wav", "pcm_s16le"), (".flac", "flac")])
def test_sound_that_broke_off(tmp_path, film, suffix, codec, share):
    path = film(tmp_path / f"a{suffix}", seconds=3.0, face=None, audio=codec, sound="noise")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BadClipError, match=SAID):
        read_sound(path)


@pytest.mark.parametrize(
    ("whole", "data"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg
        (0x7FFFF024, 0x7FFFF000),  # sox
        (0x80000024, 0x80000000),  # arecord
        (0x7FFFFF24, 0x7FFFFF00),  # arecord of other versions
    ],
)
def test_a_wav_of_unknown_length_is_no_fault(tmp_path, film, whole, data):
    """Written to a pipe, it declares the greatest length there is."""
    path = film(tmp_path / "a.wav", seconds=0.5, face=None, audio="pcm_s16le")
    content = bytearray(path.read_bytes())
    content[4:8] = whole.to_bytes(4, "little")
    place = content.index(b"data") + 4
    content[place : place + 4] = data.to_bytes(4, "little")
    path.write_bytes(content)
    assert read_sound(path).seconds == pytest.approx(0.5, abs=0.01)
    content[4:8] = (0x40000000).to_bytes(4, "little")  # a length like any other
    path.write_bytes(content)
    with pytest.raises(BadClipError, match="truncated"):
        read_sound(path)


def test_bare_aac_promises_no_length(tmp_path, film, sine):
    """FFmpeg guesses it from the rate of the first bits: noise, and then next to nothing."""
    import av

    path = tmp_path / "a.aac"
    samples = np.concatenate([sine(2.0, 22050, "silence"), sine(4.0, 22050, "noise")])
    with av.open(str(path), "w", format="adts") as container:
        track = container.add_stream("aac", rate=22050)
        track.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 22050, 0
        context = track.codec_context
        cut = av.AudioResampler(context.format, "mono", 22050, context.frame_size)
        for piece in [*cut.resample(frame), *cut.resample(None)]:
            container.mux(track.encode(piece))
        container.mux(track.encode())
    with av.open(str(path)) as container:
        assert container.duration / 1e6 > 7  # the guess
    assert read_sound(path).seconds == pytest.approx(6.0, abs=0.15)


def write_wmv(path, portrait, samples, pictures):
    """Write a WMV: 25 pictures a second, and samples (n,) int16 at 44.1 kHz."""
    import av

    with av.open(str(path), "w", format="asf") as container:
        video, track = container.add_stream("wmv2", rate=25), container.add_stream("wmav2", 44100)
        video.width, video.height, video.pix_fmt, video.bit_rate = 240, 180, "yuv420p", 1_000_000
        track.layout, track.bit_rate = "stereo", 128_000
        track.codec_context.open()
        for i in range(pictures):
            container.mux(video.encode(av.VideoFrame.from_ndarray(portrait(i), format="rgb24")))
        container.mux(video.encode())
        both = np.ascontiguousarray(np.repeat(samples, 2)[None])
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 0
        context = track.codec_context
        cut = av.AudioResampler(context.format, "stereo", 44100, context.frame_size)
        for piece in [*cut.resample(frame), *cut.resample(None)]:
            container.mux(track.encode(piece))
        container.mux(track.encode())
    return path


def test_sound_that_lasts_longer_than_the_pictures_in_a_wmv(tmp_path, portrait, sine):
    path = write_wmv(tmp_path / "a.wmv", portrait, sine(3.5, 44100), 50)
    assert len(list(Video(path))) == 50
    assert read_sound(path).seconds == pytest.approx(3.5, abs=0.1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (read_sound, lambda p: list(Video(p))):
        with pytest.raises(BadClipError, match=SAID):
            read(path)


def test_a_wrong_suffix_is_no_fault(tmp_path, film):
    path = film(tmp_path / "a.flv")
    shutil.move(path, tmp_path / "a.mp4")
    assert len(list(Video(tmp_path / "a.mp4"))) == 6


@pytest.mark.parametrize("suffix", [".mp4", ".flv", ".m3u8"])
def test_a_playlist_opens_no_other_file(tmp_path, film, suffix):
    film(tmp_path / "other.ts", codec="mpeg2video", audio="mp2", fps=25, rate=44100)
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / f"list{suffix}").write_text(text)
    with pytest.raises(BadClipError, match="cannot be decoded"):
        list(Video(tmp_path / f"list{suffix}"))
    script = f"ffconcat version 1.0\nfile '{tmp_path / 'other.ts'}'\n"
    (tmp_path / f"script{suffix}").write_text(script)
    with pytest.raises(BadClipError, match="cannot be decoded"):
        list(Video(tmp_path / f"script{suffix}"))


def test_one_picture(tmp_path, film):
    assert len(list(Video(film(tmp_path / "a.flv", pictures=1, sound=None)))) == 1


KINDS_OF_FILE = {
    "a.mkv": ("mpeg4", "pcm_s16le"), "a.mov": ("mpeg4", "pcm_s16le"), "a.mp4": ("mpeg4", "aac"),
    "a.flv": ("flv1", "pcm_s16le"), "b.mkv": ("libx264", "libmp3lame"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS_OF_FILE)
@pytest.mark.parametrize("late", [0.0, 0.5])
def test_sound_that_begins_late_stays_beside_its_picture(tmp_path, film, name, late):
    """Half a second after the first picture: so many samples of silence, and then the tone."""
    codec, audio = KINDS_OF_FILE[name]
    path = film(tmp_path / name, seconds=1.0, fps=25, codec=codec, audio=audio, rate=44100,
                late=late)  # fmt: skip
    sound = read_sound(path)
    loud = np.flatnonzero(np.abs(sound.samples.astype(int)) > 2000)
    assert loud[0] / RATE == pytest.approx(late, abs=0.03)  # MP3 and AAC spread an onset
    assert sound.delay == pytest.approx(late, abs=0.03)
    assert sound.seconds == pytest.approx(late + 1.0, abs=0.06)
    assert len(list(Video(path))) == 25


def test_the_silence_before_late_sound_is_exact(tmp_path, film, sine):
    path = film(tmp_path / "a.mkv", seconds=1.0, fps=25, codec="mpeg4", audio="pcm_s16le",
                rate=RATE, late=0.4)  # fmt: skip
    expected = np.concatenate([np.zeros(6400, np.int16), sine(1.0, RATE)])
    np.testing.assert_array_equal(read_sound(path).samples, expected)


def test_sound_from_before_the_first_picture_is_cut_off(tmp_path, film, sine):
    path = film(tmp_path / "a.mkv", seconds=1.0, fps=25, codec="mpeg4", audio="pcm_s16le",
                rate=RATE, shown=5)  # fmt: skip
    sound = read_sound(path)
    assert sound.delay == pytest.approx(-0.2)
    np.testing.assert_array_equal(sound.samples, sine(1.0, RATE)[3200:])


def test_sound_and_pictures_without_a_common_time_are_one_line(tmp_path, film):
    for late, shown in ((9.0, 0), (0.0, 90)):
        path = film(tmp_path / "a.mkv", codec="mpeg4", audio="pcm_s16le", late=late,
                    shown=shown)  # fmt: skip
        with pytest.raises(BadClipError, match=r"^a\.mkv has sound from .* and pictures from .*"):
            read_sound(path)
