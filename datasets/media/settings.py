"""How clips are prepared: what enters the store's fingerprint, and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...benchmark.contract import UserError
from .descriptors import Framing
from .tracking import Which

EMBEDDED = 160  # side of the crops that InceptionResnetV1 was trained on
CROPPED = 96


@dataclass(frozen=True)
class Settings:
    """Settings of a preparation.

    Parameters
    ----------
    audio
        ``"compare"``: openSMILE's 130 columns; ``"none"``.
    window, window_f0, step
        Of the audio's frames, in seconds.
    visual
        ``"embeddings"``: a vector for each picture; ``"crops"``: the face itself; ``"none"``.
    crop_size
        Side of the crops in pixels; 0 for 160 (embeddings) or 96 (crops).
    margin
        Added to the face's box, as a share of its side.
    face
        The face to follow where there are several.
    smallest
        Height of the smallest face in pixels; 0 for a sixth of the picture's shorter side, and
        where that finds none, 20.
    stride
        Pictures between two full detections.
    fps
        Pictures per second to keep; None for all.
    weights, module
        Files of the network that embeds; ``""`` for InceptionResnetV1 with downloaded weights.
    dtype
        Of the stored embeddings. Crops are stored as the pixels they are, and audio in float32:
        some of its columns go beyond what float16 holds.
    silence
        Level in dB of full scale below which a clip is flagged as silent.
    """

    audio: Literal["compare", "none"] = "compare"
    window: float = 0.032
    window_f0: float = 0.060
    step: float = 0.016
    visual: Literal["embeddings", "crops", "none"] = "embeddings"
    crop_size: int = 0
    margin: float = 0.2
    face: Which = "largest"
    smallest: int = 0
    stride: int = 16
    fps: float | None = None
    weights: str = ""
    module: str = ""
    dtype: Literal["float32", "float16"] = "float32"
    silence: float = -70.0

    def __post_init__(self) -> None:
        self.choice("audio", "compare", "none")
        self.choice("visual", "embeddings", "crops", "none")
        self.choice("face", "largest", "central")
        self.choice("dtype", "float32", "float16")
        if self.audio == "none" and self.visual == "none":
            raise UserError("--audio none and --visual none leave nothing to prepare")
        if (self.weights or self.module) and self.visual != "embeddings":
            raise UserError(f"--weights and --module embed faces; --visual is {self.visual!r}")
        if self.weights and self.module:
            raise UserError("--weights and --module are two networks; give one of them")
        self.between("crop_size", self.size, 16, 1024)
        self.between("margin", self.margin, 0, 2)
        self.between("smallest", self.smallest or 20, 20, 10000)
        self.between("stride", self.stride, 1, 1000)
        self.between("fps", 1 if self.fps is None else self.fps, 0.1, 1000)
        self.between("silence", self.silence, -1000, 0)
        self.framing  # noqa: B018 - checks itself

    def choice(self, name: str, *known: str) -> None:
        value = getattr(self, name)
        if value not in known:
            raise UserError(f"--{name} {value!r} is unknown; expected {' or '.join(known)}")

    def between(self, name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            option = name.replace("_", "-")
            raise UserError(f"--{option} {value:g} is out of range; expected {low:g} to {high:g}")

    @property
    def framing(self) -> Framing:
        return Framing(self.window, self.window_f0, self.step)

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.crop_size or (EMBEDDED if self.visual == "embeddings" else CROPPED)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The modalities asked for."""
        found = {"audio": self.audio, "visual": self.visual}
        return tuple(name for name, kind in found.items() if kind != "none")

    def described(self, embedder: str) -> dict[str, Any]:
        """Return what decides the values, as JSON: the network by its hash, not by its path."""
        kept = asdict(self) | {"crop_size": self.size, "embedder": embedder}
        del kept["weights"], kept["module"]
        if self.audio == "none":
            del kept["window"], kept["window_f0"], kept["step"]
        if self.visual == "none":
            for name in ("crop_size", "margin", "face", "smallest", "stride", "fps", "embedder"):
                del kept[name]
        return kept
