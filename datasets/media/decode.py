"""Sound and pictures from media files, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .decoder import Decoder
from .faults import BadClipError, check_file
from .timing import Gaps, Pace, Steps, pace

RATE = 16000  # Hz of all audio
FORMATS = (
    "flv,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,wav,w64,flac,ogg,mp3,aac,"
    "asf,aiff,caf,au"
)
"""Containers that hold their own media. A playlist is none: it would name other files to open."""

APART = 1.0  # seconds between sound and pictures from which they do not belong together


@dataclass(frozen=True)
class Sound:
    """Mono audio at 16 kHz and what the file had.

    Parameters
    ----------
    samples
        (n,) int16.
    rate, channels
        Of the file.
    damaged
        Packets that could not be decoded and are left out.
    delay
        Seconds from the first picture of the file to its first sound, for which silence stands in
        ``samples``; negative where sound from before the first picture was cut off.
    filled
        Seconds of gaps in the file's times, for which silence stands too.
    """

    samples: np.ndarray
    rate: int
    channels: int
    damaged: int
    delay: float = 0.0
    filled: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    @property
    def level(self) -> float:
        """Root mean square in dB of full scale; -inf for digital silence."""
        power = np.mean(np.square(self.samples, dtype=np.float64)) if len(self.samples) else 0.0
        return float(10 * np.log10(power / 32768**2)) if power else -np.inf


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a container, with whatever FFmpeg says of a file that it cannot open as BadClipError."""
    import av
    from av.error import FFmpegError
    from av.logging import PANIC, set_level

    check_file(path)
    set_level(PANIC)
    try:
        # The whitelists keep a file from naming other files or addresses to be read.
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        with av.open(f"file:{path}", options=options, metadata_errors="replace") as container:
            yield container
    except (FFmpegError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise BadClipError(f"{path.name} cannot be decoded ({said}); fetch it again") from error


def stream_of(container: Any, kind: str) -> Any | None:
    """Return the first audio or video stream; the cover picture of a song is no video."""
    from av.stream import Disposition

    for stream in container.streams:
        cover = Disposition.attached_pic & stream.disposition
        if stream.type == kind and not cover and stream.codec_context is not None:
            stream.codec_context.thread_count = 1
            return stream
    return None


def read_sound(path: Path) -> Sound | None:
    """Decode a file's audio to mono at 16 kHz, or return None where it has no audio stream.

    Where the file has pictures too, the samples begin with the first of them. Where its times have
    a gap of over 0.1 s, silence stands for it, so that what follows keeps its place.

    Raises
    ------
    BadClipError
        A file that cannot be decoded, an audio stream without a sample, one that has no time in
        common with the pictures, or a gap that is too long to be one.
    """
    import av

    with opened(path) as container:
        stream = stream_of(container, "audio")
        if stream is None:
            return None
        pictures = stream_of(container, "video")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        decoder, pieces, gaps = Decoder(path, container, stream), [], Gaps(path.name)
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        for frame in decoder:
            for part in (*silence(frame, gaps.before(frame)), frame):
                part.pts = None  # gaps in the time stamps would stop the resampler
                pieces += [piece.to_ndarray()[0] for piece in resampler.resample(part)]
        if pieces or decoder.packets > decoder.damaged:
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        began = decoder.beside.get(pictures.index) if pictures else None
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if not len(samples):
        raise BadClipError(f"{path.name} has an audio stream without a sample; fetch it again")
    if began is None or decoder.start is None:
        return Sound(samples, rate, channels, decoder.damaged, filled=gaps.filled)
    if decoder.start > decoder.others + APART or began > decoder.end + APART:
        raise BadClipError(
            f"{path.name} has sound from {decoder.start:.2f} to {decoder.end:.2f} s and pictures "
            f"from {began:.2f} to {decoder.others:.2f} s, at no time both; write it again"
        )
    delay = decoder.start - began
    return Sound(moved(samples, delay), rate, channels, decoder.damaged, delay, gaps.filled)


def silence(frame: Any, count: int) -> Iterator[Any]:
    """Yield frames of silence, so many samples in all, in the format of a frame."""
    import av

    for start in range(0, count, frame.sample_rate):
        samples = min(frame.sample_rate, count - start)
        quiet = av.AudioFrame(format=frame.format, layout=frame.layout, samples=samples)
        quiet.sample_rate = frame.sample_rate
        zero = b"\x80" if frame.format.name.startswith("u8") else b"\0"
        for plane in quiet.planes:
            plane.update(zero * plane.buffer_size)
        yield quiet


def moved(samples: np.ndarray, delay: float) -> np.ndarray:
    """Put silence of so many seconds before samples; cut them off where it is less than 0."""
    count = round(delay * RATE)
    return samples[-count:] if count < 0 else np.concatenate([np.zeros(count, np.int16), samples])


class Video:
    """The pictures of a file at equal steps of time, one by one.

    Most files have as many steps as pictures. Where pictures do not keep to their rate (a freeze,
    a telephone in the dark), one stays until the next is shown, and those that come too fast are
    left out, so that steps stay beside the sound; see :mod:`.timing`.

    Parameters
    ----------
    fps
        Pictures per second to keep; None for the file's own rate.

    Attributes
    ----------
    rate
        Pictures per second that it yields; None where the file does not say.
    even
        Whether the file's pictures keep to their rate.
    size
        Width and height of the first picture, which all others are brought to.
    damaged, missing
        Packets that could not be decoded, and pictures that it lacks at its own rate, once it was
        read.
    """

    def __init__(self, path: Path, fps: float | None = None):
        self.path, self.fps = path, fps
        self.rate: float | None = None
        self.even = True
        self.size = (0, 0)
        self.damaged = self.missing = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield pictures (height, width, 3) uint8; none where the file has no video stream.

        Raises
        ------
        BadClipError
            A file that cannot be decoded, or one picture that is shown for longer than is credible.
        """
        own = read_pace(self.path)
        if own is None:
            return
        with opened(self.path) as container:
            self.rate, self.even = self.fps or own.rate, own.even
            decoder = Decoder(self.path, container, stream_of(container, "video"))
            steps = Steps(self.path.name, own, self.fps)
            yield from self.pictures(steps(decoder))
            self.damaged, self.missing = decoder.damaged, steps.missing

    def pictures(self, frames: Iterator[Any]) -> Iterator[np.ndarray]:
        last, picture = None, np.zeros((0, 0, 3), np.uint8)
        for frame in frames:
            if self.size == (0, 0):
                self.size = (frame.width, frame.height)
            if frame is not last:
                width, height = self.size
                pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
                picture = upright(frame, pixels)
            last = frame
            yield picture


def read_pace(path: Path) -> Pace | None:
    """Read the times of a file's pictures without decoding them; None without a video stream."""
    from av.error import FFmpegError

    times = []
    with opened(path) as container:
        stream = stream_of(container, "video")
        if stream is None:
            return None
        try:
            for packet in container.demux(stream):
                time = packet.pts if packet.pts is not None else packet.dts
                if packet.size and time is not None and not packet.is_discard:
                    times.append(float(time * packet.time_base))
        except FFmpegError:
            pass  # said when the pictures are decoded
        declared = float(stream.average_rate) if stream.average_rate else None
    return pace(np.array(times), declared)


def upright(frame: Any, picture: np.ndarray) -> np.ndarray:
    """Turn and mirror a picture as its file asks: a telephone held upright, a selfie.

    The display matrix takes a place (x, y) to (a x + c y, b x + d y); of its turns and mirrors the
    nearest by quarters is taken.
    """
    from av.sidedata.sidedata import Type

    found = frame.side_data.get(Type.DISPLAYMATRIX)
    if found is None:
        return picture
    a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):  # a quarter turn: the axes change places
        picture, a, d = picture.transpose(1, 0, 2), c, b
    picture = picture[:, ::-1] if a < 0 else picture
    return np.ascontiguousarray(picture[::-1] if d < 0 else picture)
