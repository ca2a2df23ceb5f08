"""UTD-MHAD: actions seen by a wearable inertial sensor and by the skeleton of a depth camera."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ..benchmark.contract import Example, FusionDataset, Modality, Split, Task, UserError
from ..benchmark.registry import dataset

FOLDER = "utd_mhad"
SOURCE = "https://personal.utdallas.edu/~kehtar/UTD-MHAD.html"
ACTIONS = (
    "swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot", "draw x",
    "draw circle clockwise", "draw circle counter-clockwise", "draw triangle", "bowling", "boxing",
    "baseball swing", "tennis swing", "arm curl", "tennis serve", "push", "knock", "catch",
    "pick up and throw", "jog", "walk", "sit to stand", "stand to sit", "lunge", "squat",
)  # fmt: skip
SUBJECTS = range(1, 9)
TRIALS = range(1, 5)
UNPUBLISHED = {(8, 1, 4), (23, 6, 4), (27, 8, 4)}  # removed by the authors as corrupted
SEQUENCES = [
    (action, subject, trial)
    for action in range(1, len(ACTIONS) + 1)
    for subject in SUBJECTS
    for trial in TRIALS
    if (action, subject, trial) not in UNPUBLISHED
]
HIP_CENTRE = 3  # fourth of the 20 joints in the corpus's own Skeleton_joint_order.txt


@dataset("utd-mhad", source="Chen, Jafari and Kehtarnavaz, ICIP 2015")
class UTDMHAD(FusionDataset):
    """27 actions of 8 subjects, by an inertial sensor (6-D, 50 Hz) and a skeleton (60-D, 30 Hz).

    UTD-MHAD (C. Chen, R. Jafari, N. Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset for Human Action
    Recognition Utilizing a Depth Camera and a Wearable Inertial Sensor", ICIP 2015), 861 sequences,
    in its published layout: ``utd_mhad/Inertial/a1_s1_t1_inertial.mat`` and
    ``utd_mhad/Skeleton/a1_s1_t1_skeleton.mat`` under the data root.

    ``inertial`` is accelerometer xyz and gyroscope xyz, worn on the right wrist in actions 1 to 21
    and on the right thigh in 22 to 27; 107 to 326 steps. ``skeleton`` is 20 joints' xyz, joint by
    joint, in metres; 41 to 125 steps.

    Raises
    ------
    UserError
        No data root, no folder ``utd_mhad`` in it, or sequences missing; while reading, a file that
        is damaged.
    """

    @dataclass(frozen=True)
    class Config:
        """Settings of UTD-MHAD.

        Parameters
        ----------
        protocol
            ``"odd-even"``: odd subjects train, even ones test, as in the paper; ``"loso"``: each
            subject in turn is tested. The validation subject is drawn from the training ones.
        centre
            What is subtracted from a clip's joints: nothing, the hip centre of its ``"first"``
            frame (where the subject stood is lost, how the body travels is kept), or the clip's
            ``"mean"`` pose (the subject's build and stance are lost too, the movement is kept).
            Decided on subjects 1, 3, 5 and 7 alone, each left out in turn: macro F1 of
            ``only:skeleton`` (one seed, small but 40 frames, last five epochs) was .66 with
            ``"first"`` and .81 with ``"mean"`` after 60 epochs, .85 after 40 with ``"mean"`` and
            one deviation for all joints (``Modality.one_unit``).
        """

        protocol: Literal["odd-even", "loso"] = "odd-even"
        centre: Literal["none", "first", "mean"] = "mean"

    name = "utd-mhad"
    # One subject validates: a hundred clips whose score is too noisy to stop a training on.
    training: Mapping[str, Any] = MappingProxyType({"refit": True, "patience": None, "epochs": 50})

    def __init__(self, config: Config, root: Path | None = None):
        super().__init__(config, root)
        self.folder = corpus_folder(root)
        self.task = Task(
            {
                "inertial": Modality(shape=(6,), max_length=326, rate=50.0),
                "skeleton": Modality(shape=(60,), max_length=125, rate=30.0, one_unit=True),
            },
            outputs=ACTIONS,
        )
        self.ids = [f"a{action}_s{subject}_t{trial}" for action, subject, trial in SEQUENCES]
        self.labels = np.array([action - 1 for action, _, _ in SEQUENCES], np.int64)
        self.subjects = np.array([subject for _, subject, _ in SEQUENCES])
        self.groups = [f"subject-{subject}" for subject in self.subjects]
        self.check_complete()
        if config.protocol == "loso":
            self.folds = len(SUBJECTS)
            self.protocol = "each subject in turn is tested, one of the others validates"
        else:
            self.protocol = "odd subjects train, one of them drawn to validate, even ones test"

    def path(self, name: str, kind: str) -> Path:
        """Return one file: ``kind`` is ``Inertial`` or ``Skeleton``."""
        return self.folder / kind / f"{name}_{kind.lower()}.mat"

    def paths(self) -> list[Path]:
        """Return all files in the corpus's order, inertial ones first."""
        return [self.path(name, kind) for kind in ("Inertial", "Skeleton") for name in self.ids]

    def check_complete(self) -> None:
        """Raise UserError where a sequence lacks one of its two files."""
        there = set(self.folder.glob("*/*.mat"))
        missing = [path for path in self.paths() if path not in there]
        if missing:
            lacking = {path.name.rsplit("_", 1)[0] for path in missing}
            raise UserError(
                f"utd-mhad: folder {str(self.folder)!r} holds {len(self) - len(lacking)} of the "
                f"{len(self)} sequences (no {missing[0].relative_to(self.folder)}, for one); "
                f"expected Inertial/ and Skeleton/ complete, as {SOURCE} has them"
            )

    def fingerprint(self) -> str:
        """Hash names and contents of all files, and how they are centred."""
        digest = hashlib.blake2b(f"centre={self.config.centre}".encode(), digest_size=16)
        for path in self.paths():
            content = read_content(path)
            digest.update(f"|{path.name}|{len(content)}|".encode())
            digest.update(content)
        return digest.hexdigest()

    def split(self, rng: np.random.Generator, fold: int) -> Split:
        if self.config.protocol == "loso":
            tested = [SUBJECTS[fold]]
        else:
            tested = [subject for subject in SUBJECTS if subject % 2 == 0]
        validating = rng.choice([subject for subject in SUBJECTS if subject not in tested])
        test, valid = np.isin(self.subjects, tested), self.subjects == validating
        return Split(*(np.flatnonzero(part) for part in (~(test | valid), valid, test)))

    def examples(self, positions: np.ndarray) -> Iterator[Example]:
        for position in positions:
            name = self.ids[int(position)]
            inertial = read_variable(self.path(name, "Inertial"), "d_iner", (-1, 6))
            joints = read_variable(self.path(name, "Skeleton"), "d_skel", (20, 3, -1))
            steps = joints.transpose(2, 0, 1)
            if self.config.centre == "first":
                steps = steps - steps[0, HIP_CENTRE]
            elif self.config.centre == "mean":
                steps = steps - steps.mean(0)
            yield {
                "inertial": inertial.astype(np.float32),
                "skeleton": steps.reshape(len(steps), 60).astype(np.float32),
            }


def corpus_folder(root: Path | None) -> Path:
    """Return the corpus's folder under the data root, or raise UserError."""
    if root is None:
        raise UserError(
            f"utd-mhad: no data root to look for the folder {FOLDER!r} in; set --data-root DIR or "
            f"FUSEMARK_DATA to the folder that holds it (the corpus: {SOURCE})"
        )
    folder = Path(root) / FOLDER
    if not folder.is_dir():
        raise UserError(
            f"utd-mhad: no folder {str(folder)!r}; set --data-root DIR or FUSEMARK_DATA to the "
            f"folder that holds {FOLDER!r} (the corpus: {SOURCE})"
        )
    return folder


def read_content(path: Path) -> bytes:
    """Return a file's bytes, or raise UserError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or type(error).__name__) from error


def read_variable(path: Path, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read one finite array of a .mat file; -1 in ``shape`` stands for any length above zero."""
    from scipy.io import loadmat

    content = io.BytesIO(read_content(path))
    try:
        loaded = loadmat(content, variable_names=[variable])
        if variable not in loaded:
            raise ValueError(f"no variable {variable}")
        values = np.asarray(loaded[variable], np.float64)
    except Exception as error:
        # loadmat raises whatever a damaged file led it to: struct, zlib, key, type.
        raise damaged(path, " ".join(str(error).split()) or type(error).__name__) from error
    fits = values.ndim == len(shape) and all(
        found == wanted or (wanted == -1 and found > 0)
        for found, wanted in zip(values.shape, shape, strict=True)
    )
    if not fits or not np.isfinite(values).all():
        raise damaged(path, f"{variable} has shape {values.shape} or values that are not finite")
    return values


def damaged(path: Path, reason: str) -> UserError:
    """Return the error of one file, named from the data root."""
    name = "/".join(path.parts[-3:])
    return UserError(f"utd-mhad: {name} cannot be read ({reason}); unpack it again from {SOURCE}")
