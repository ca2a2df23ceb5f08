"""Sound and pictures from media files, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .faults import LOST, BadClipError, check_file

RATE = 16000  # Hz of all audio
FORMATS = (
    "flv,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,wav,w64,flac,ogg,mp3,aac,"
    "asf,aiff,caf,au"
)
"""Containers that hold their own media. A playlist is none: it would name other files to open."""

GUESSED = ("mpeg", "mpegvideo", "mpegts", "mp3")
LONGEST = ("avi",)
"""Containers that give every stream the length of the longest."""


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
    """

    samples: np.ndarray
    rate: int
    channels: int
    damaged: int

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


class Decoder:
    """Iterates over the frames of one stream, and remembers what was damaged.

    Raises
    ------
    BadClipError
        While iterating: too many packets are damaged, or the frames end long before the length
        that the file declares (a download that broke off).
    """

    def __init__(self, path: Path, container: Any, stream: Any):
        self.path, self.container, self.stream = path, container, stream
        self.packets = self.damaged = 0
        self.end = 0.0  # seconds at which the last frame ends
        self.others = 0.0  # and the last packet of any other stream

    def __iter__(self) -> Iterator[Any]:
        from av.error import FFmpegError

        declared = self.declared()
        try:
            for packet in self.container.demux():
                if packet.stream.index != self.stream.index:
                    self.others = max(self.others, ended(packet, 0.0))
                    continue
                self.packets += packet.size > 0
                try:
                    frames = packet.decode()
                except FFmpegError:
                    self.damaged += 1
                    continue
                for frame in frames:
                    self.end = max(self.end, ended(frame, self.end))
                    yield frame
        except FFmpegError as error:  # of the container: its end is missing
            raise BadClipError(
                f"{self.path.name} breaks off after {self.end:.2f} s ({error.strerror}); "
                "fetch it again"
            ) from error
        if self.damaged > LOST * self.packets:
            raise BadClipError(
                f"{self.path.name} has {self.damaged} damaged {self.stream.type} packets of "
                f"{self.packets}; fetch it again"
            )
        reached = self.end if self.promised() else max(self.end, self.others)
        if declared - reached > max(LOST * declared, 0.3):
            raise BadClipError(
                f"{self.path.name} is truncated: {self.end:.2f} s of the {declared:.2f} s that it "
                "declares; fetch it again"
            )

    def declared(self) -> float:
        """Return the seconds from 0 that the file promises, or 0 where it promises none.

        MPEG streams promise nothing: FFmpeg guesses from their size.
        """
        if self.promised():
            start = self.stream.start_time or 0
            length = float((start + self.stream.duration) * self.stream.time_base)
        elif self.container.duration is not None:
            length = self.container.duration / 1e6
        else:
            return 0.0
        return 0.0 if self.container.format.name.split(",")[0] in GUESSED else length

    def promised(self) -> bool:
        """Say whether the stream has a length of its own, and not that of the longest stream."""
        known = self.stream.duration is not None and bool(self.stream.time_base)
        return known and self.container.format.name.split(",")[0] not in LONGEST


def ended(part: Any, otherwise: float) -> float:
    """Return the seconds at which a frame or packet ends: its last one may be a long one."""
    if part.pts is None or not part.time_base:
        return otherwise
    samples, rate = getattr(part, "samples", 0), getattr(part, "sample_rate", 0)
    length = samples / rate if rate else float((part.duration or 0) * part.time_base)
    return float(part.pts * part.time_base) + length


def read_sound(path: Path) -> Sound | None:
    """Decode a file's audio to mono at 16 kHz, or return None where it has no audio stream.

    Raises
    ------
    BadClipError
        A file that cannot be decoded, or an audio stream without a sample.
    """
    import av

    with opened(path) as container:
        stream = stream_of(container, "audio")
        if stream is None:
            return None
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        decoder, pieces = Decoder(path, container, stream), []
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        for frame in decoder:
            frame.pts = None  # gaps in the time stamps would stop the resampler
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        if pieces or decoder.packets > decoder.damaged:
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if not len(samples):
        raise BadClipError(f"{path.name} has an audio stream without a sample; fetch it again")
    return Sound(samples, rate, channels, decoder.damaged)


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
