"""From crops of faces to vectors, by InceptionResnetV1 or any exported module."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...benchmark.contract import UserError
from .crops import scaled
from .facenet import facenet

BATCH = 32
DOWNLOAD = (
    "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
    "20180402-114759-vggface2.pt"
)
OPAQUE = ("opaque_obj_", "custom_obj_")
"""Members of an exported program that torch would unpickle without a check."""
OBJECT = re.compile(rb"(opaque|custom)_obj_\d", re.IGNORECASE)
SIZE = re.compile(  # possessive, so that a long one is read once
    r"(?>\s|\d+(?:\.\d+)?|[-+*/%(),<>=!&|~]|'[a-z]{1,4}\d+'|[a-z]+=(?:True|False)"
    r"|\b(?:[a-z]{1,4}\d+|[A-Z][A-Za-z]*)\b)*+"
)
"""Numbers, operators, symbols such as s0 or Symbol('s0', integer=True), functions such as Max."""
NAMED = re.compile(r"GLOBAL ([\w.]+)")  # what torch refused to unpickle
ON_FILES = ("aten::save", "aten::from_file")


class Embedder:
    """Turns crops into vectors.

    Parameters
    ----------
    forward
        From (B, 3, size, size) float32 in [-1, 1] to (B, D).
    size
        Side of the crops in pixels.
    digest
        Hash of the weights.
    tried
        Numbers of crops that it must take to be given blocks of any number.
    """

    def __init__(
        self, forward: Callable[[Tensor], Tensor], size: int, digest: str, name: str,
        tried: Sequence[int] = (1, 3, BATCH),
    ):  # fmt: skip
        self.forward, self.size, self.digest, self.name = forward, size, digest, name
        self.tried, self.batch = tried, BATCH
        self.width = self.examine()

    @property
    def said(self) -> str:
        """Name and hash, as a store's settings keep them."""
        return f"{self.name} {self.digest}"

    def examine(self) -> int:
        """Return D; a module that takes one crop at a time is given one at a time."""
        fault = ""
        for self.batch in (BATCH, 1):
            widths = set()
            for count in self.tried if self.batch == BATCH else (1,):
                try:
                    found = self.run(np.zeros((count, self.size, self.size, 3), np.uint8))
                except Exception as error:
                    fault = f"of B = {count} it says: {' '.join(str(error).split())[:200]}"
                    break
                if found.ndim != 2 or len(found) != count or not found.shape[1]:
                    fault = f"of B = {count} it returns shape {found.shape}"
                    break
                widths.add(found.shape[1])
            else:
                if len(widths) == 1:
                    return widths.pop()
                fault = f"D is {' or '.join(map(str, sorted(widths)))}, by B"
        raise UserError(
            f"{self.name} does not turn crops (B, 3, {self.size}, {self.size}) into vectors "
            f"(B, D) for every B, nor one at a time: {fault}; set --crop-size to the module's own, "
            "or export it with a batch of any size (torch.export.Dim), or of 1"
        )

    @torch.inference_mode()
    def run(self, crops: np.ndarray) -> np.ndarray:
        found = self.forward(torch.from_numpy(scaled(crops)))
        return found.float().numpy()

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Return vectors (N, D) float32 of crops (N, size, size, 3) uint8."""
        parts = [self.run(crops[i : i + self.batch]) for i in range(0, len(crops), self.batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.width), np.float32)


def load_embedder(weights: str, module: str, size: int) -> Embedder:
    """Load InceptionResnetV1 (with weights from a file, or its own download), or a module.

    Parameters
    ----------
    weights
        A file of InceptionResnetV1's parameters (.pt or .safetensors); ``""`` to download them.
    module
        A TorchScript or torch.export file instead; ``""`` for InceptionResnetV1. Such a file is a
        program: what is refused here (Python objects, code in place of sizes, operators on files)
        is what is known to reach beyond its tensors.
    size
        Side of the crops.

    Raises
    ------
    UserError
        The file cannot be had, read or used, or holds more than tensors and operators on them.
    """
    if module:
        path = Path(module)
        check(path, "--module")
        return Embedder(load_module(path), size, hashed(path), f"module {module!r}")
    network = facenet().InceptionResnetV1(pretrained=None, classify=False).eval()
    path = Path(weights) if weights else downloaded()
    check(path, "--weights")
    try:
        found = read_weights(path)
        kept = {name: value for name, value in found.items() if not name.startswith("logits.")}
        network.load_state_dict(kept)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"weights {path.name!r} are not InceptionResnetV1's ({first_line(error)}); expected "
            f"facenet-pytorch's state dict, as {DOWNLOAD} holds it"
        ) from error
    network.to(memory_format=torch.channels_last)  # a quarter faster, equal to 1e-7
    return Embedder(network, size, hashed(path), "InceptionResnetV1", tried=(1, 3))


def check(path: Path, option: str) -> None:
    if not path.is_file():
        raise UserError(f"{option} {str(path)!r} is not a file; expected the path of one")


def downloaded() -> Path:
    """Return facenet-pytorch's own weights from torch's cache, fetched once."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or caches / "torch").expanduser()
    path = home / "checkpoints" / DOWNLOAD.rpartition("/")[2]
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(DOWNLOAD, str(path), progress=False)
        except Exception as error:
            raise UserError(
                f"InceptionResnetV1's weights cannot be downloaded ({first_line(error)}); fetch "
                f"{DOWNLOAD} on another machine and give --weights FILE, or keep the crops with "
                "--visual crops"
            ) from error
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own words advise to load it without the check.
        found = NAMED.search(str(error))
        said = f"holds code ({found[1]})" if found else "holds more than tensors, or is damaged"
        raise UserError(
            f"--weights {path.name!r} {said}; it is refused, and nothing of it was run; expected "
            f"facenet-pytorch's state dict, as {DOWNLOAD} holds it"
        ) from error


def load_module(path: Path) -> Callable[[Tensor], Tensor]:
    """Load a TorchScript or torch.export file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
            exported = any("models/" in name for name in archive.namelist())
            texts = [archive.read(n) for n in archive.namelist() if exported and is_json(n)]
    except Exception as error:  # whatever a damaged member leads zlib and zipfile to
        raise refused(path, error) from error
    # Torch finds members whatever their case.
    opaque = [name for name in names if name.lower().startswith(OPAQUE)]
    if exported and (opaque or any(map(OBJECT.search, texts))):
        raise UserError(
            f"--module {path.name!r} holds Python objects, which are never unpickled; export the "
            "module without them"
        )
    try:
        with warnings.catch_warnings(), only_weights():
            warnings.simplefilter("ignore")
            if exported:
                for text in texts:
                    check_sizes(json.loads(text))
                return torch.export.load(path).module()
            module = torch.jit.load(path, map_location="cpu").eval()
    except Exception as error:
        raise refused(path, error) from error
    for operator in ON_FILES:
        if module.inlined_graph.findAllNodes(operator, recurse=True):
            raise UserError(
                f"--module {path.name!r} calls {operator}, which works on files; a module may "
                "compute, and nothing else"
            )
    return module


def is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def check_sizes(value: Any) -> None:
    """Refuse a size that is more than arithmetic, for torch evaluates it as Python.

    Raises
    ------
    ValueError
        Such a size.
    """
    if isinstance(value, dict):
        said = value.get("expr_str")
        if isinstance(said, str) and not SIZE.fullmatch(said):
            raise ValueError(f"{said[:60]!r} is no size")
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        check_sizes(each)


def refused(path: Path, error: Exception) -> UserError:
    return UserError(
        f"--module {path.name!r} is neither a TorchScript nor a torch.export file "
        f"({first_line(error)}); write it with torch.jit.save or torch.export.save"
    )


@contextmanager
def only_weights() -> Iterator[None]:
    """Keep torch.load from falling back to an unchecked unpickler, as torch.export.load asks."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before: Any = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def hashed(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
