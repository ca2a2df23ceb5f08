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
    """

    samples: np.ndarray
    rate: int
    channels: int
    damaged: int
    delay: float = 0.0

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

    Where the file has pictures too, the samples begin with the first of them.

    Raises
    ------
    BadClipError
        A file that cannot be decoded, an audio stream without a sample, or one that has no time in
        common with the pictures.
    """
    import av

    with opened(path) as container:
        stream = stream_of(container, "audio")
        if stream is None:
            return None
        pictures = stream_of(container, "video")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        decoder, pieces = Decoder(path, container, stream), []
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        for frame in decoder:
            frame.pts = None  # gaps in the time stamps would stop the resampler
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        if pieces or decoder.packets > decoder.damaged:
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
        began = decoder.beside.get(pictures.index) if pictures else None
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if not len(samples):
        raise BadClipError(f"{path.name} has an audio stream without a sample; fetch it again")
    if began is None or decoder.start is None:
        return Sound(samples, rate, channels, decoder.damaged)
    if decoder.start > decoder.others + APART or began > decoder.end + APART:
        raise BadClipError(
            f"{path.name} has sound from {decoder.start:.2f} to {decoder.end:.2f} s and pictures "
            f"from {began:.2f} to {decoder.others:.2f} s, at no time both; write it again"
        )
    delay = decoder.start - began
    return Sound(moved(samples, delay), rate, channels, decoder.damaged, delay)


def moved(samples: np.ndarray, delay: float) -> np.ndarray:
    """Put silence of so many seconds before samples; cut them off where it is less than 0."""
    count = round(delay * RATE)
    return samples[-count:] if count < 0 else np.concatenate([np.zeros(count, np.int16), samples])


class Video:
    """The pictures of a file, one by one.

    Parameters
    ----------
    fps
        Pictures per second to keep; None for all.

    Attributes
    ----------
    rate
        Pictures per second that it yields; None where the file does not say.
    size
        Width and height of the first picture, which all others are brought to.
    damaged
        Packets that could not be decoded, once it was read.
    """

    def __init__(self, path: Path, fps: float | None = None):
        self.path, self.fps = path, fps
        self.rate: float | None = None
        self.size = (0, 0)
        self.damaged = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield pictures (height, width, 3) uint8; none where the file has no video stream."""
        with opened(self.path) as container:
            stream = stream_of(container, "video")
            if stream is None:
                return
            own = float(stream.average_rate) if stream.average_rate else None
            self.rate = self.fps or own
            decoder = Decoder(self.path, container, stream)
            yield from self.pictures(self.timed(decoder, own))
            self.damaged = decoder.damaged

    def timed(self, decoder: Decoder, own: float | None) -> Iterator[Any]:
        """Yield the frames that stand for the points of a grid of ``fps``; all without one."""
        if self.fps is None:
            yield from decoder
            return
        due, first = 0, None
        for number, frame in enumerate(decoder):
            time = frame.time if frame.time is not None else number / (own or self.fps)
            first = time if first is None else first
            # Half a frame early is as near as the next frame would be.
            while time - first + 0.5 / (own or self.fps) + 1e-6 >= due / self.fps:
                yield frame
                due += 1

    def pictures(self, frames: Iterator[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            if self.size == (0, 0):
                self.size = (frame.width, frame.height)
            picture = frame.to_ndarray(format="rgb24", width=self.size[0], height=self.size[1])
            turns = round(getattr(frame, "rotation", 0) / 90) % 4  # a telephone held upright
            yield np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
