"""Small files in the exact layouts of MMSA, MulT and MFN, for tests that read or spoil them."""

import pickle

import h5py
import numpy as np
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.public import Public

SIZES = {"train": 12, "valid": 6, "test": 8}
SENTIMENT = (-3.0, -1.6, -0.4, 0.0, 0.6, 1.0, 2.4, 3.0)


def numbers(seed, *shape):
    """Draw numbers of which none is 0."""
    return np.random.default_rng(seed).uniform(0.1, 1, shape).astype(np.float32)


def padded(rows, steps, front=False):
    """Stack sequences (T, D) into (N, steps, D), zeros after them, or before."""
    found = np.zeros((len(rows), steps, rows[0].shape[1]), np.float32)
    for place, row in enumerate(rows):
        at = steps - len(row) if front else 0
        found[place, at : at + len(row)] = row
    return found


class Sets:
    """Write a file and open it; ``truth`` holds the sequences of every part without padding."""

    def __init__(self, path):
        self.path = path
        self.truth = {}

    def sequences(self, part, widths, lengths):
        """Draw each example's sequence of each modality; ``lengths(i)`` gives their steps."""
        seed = 1000 * list(SIZES).index(part)
        self.truth[part] = [
            {
                name: numbers(seed + 10 * i + k, lengths(i)[k], width)
                for k, (name, width) in enumerate(widths.items())
            }
            for i in range(SIZES[part])
        ]
        return {n: [example[n] for example in self.truth[part]] for n in widths}

    def mmsa(self, aligned=False, sims=False, change=lambda content: None, protocol=4):
        """A pickle as MMSA's README and loader describe it; audio of example 0 begins with -inf."""
        content = {}
        for part, size in SIZES.items():
            widths = {"text": 6, "audio": 5, "vision": 4}
            drawn = self.sequences(
                part,
                widths,
                lambda i: (3 + i % 4, *((3 + i % 4,) * 2 if aligned else (9 + i, 5 + i % 3))),
            )
            drawn["audio"][0][0, 1] = -np.inf
            drawn["audio"][0][1, 2] = np.nan
            for example in self.truth[part]:
                example["visual"] = example.pop("vision")
            text = padded(drawn["text"], 10)
            mask = np.stack([np.arange(10) < len(row) for row in drawn["text"]])
            text[~mask] = 7.0  # BERT says something of padding too
            scores = np.resize(SENTIMENT, size).astype(np.float32) / (3 if sims else 1)
            videos = [f"{part}{i // 3}" for i in range(size)]
            content[part] = {
                "raw_text": np.array([f"clip {i} 你好" for i in range(size)]),
                "audio": padded(drawn["audio"], 10 if aligned else 25),
                "vision": padded(drawn["vision"], 10 if aligned else 15),
                "id": [f"{video}$_${i}" for i, video in enumerate(videos)],
                "text": text,
                "text_bert": np.stack(
                    [np.full((size, 10), 101.0), mask.astype(float), np.zeros((size, 10))], 1
                ).astype(np.float32),
                "annotations": ["Neutral"] * size,
                "classification_labels": np.sign(scores) + 1,
                "regression_labels": scores,
            }
            if not aligned:
                content[part]["audio_lengths"] = [len(row) for row in drawn["audio"]]
                content[part]["vision_lengths"] = [len(row) for row in drawn["vision"]]
            if sims:
                for k, modality in enumerate("TAV"):
                    content[part][f"regression_labels_{modality}"] = np.roll(scores, k + 1)
        return self.pickled("unaligned_50.pkl", content, change, protocol)

    def mult(self, iemocap=False, front=False, change=lambda content: None, protocol=4):
        """A pickle as MulT's loader reads it, double precision, ids as arrays of bytes."""
        content = {}
        for part, size in SIZES.items():
            widths = {"vision": 4, "text": 6, "audio": 5}
            drawn = self.sequences(part, widths, lambda i: (5 + i % 3, 3 + i % 4, 9 + i))
            for example in self.truth[part]:
                example["visual"] = example.pop("vision")
            steps = {"vision": 15, "text": 10, "audio": 25}
            content[part] = {n: padded(drawn[n], steps[n], front).astype(float) for n in widths}
            if iemocap:
                present = np.eye(4, dtype=int)[np.arange(size) % 4]
                content[part]["labels"] = np.stack([1 - present, present], 2).astype(np.int64)
            else:
                content[part]["labels"] = np.resize(SENTIMENT, size).reshape(size, 1, 1)
                names = [(f"{part}_-videoX"[:11].ljust(11, "x") + f"_{i}") for i in range(size)]
                rows = [(name, f"{i}.25", f"{i + 1}.5") for i, name in enumerate(names)]
                content[part]["id"] = np.array(rows, "S")
        return self.pickled("mosi_data_noalign.pkl", content, change, protocol)

    def pickled(self, name, content, change, protocol):
        change(content)
        (self.path / name).write_bytes(pickle.dumps(content, protocol))
        return self.path / name

    def mfn(self, joined=False, labels=None):
        """A folder as the repository of MFN has them: ``data`` (joined) or ``new_data``."""
        folder = self.path / "mfn"
        folder.mkdir(exist_ok=True)
        for part, size in SIZES.items():
            widths = {"text": 6, "audio": 5, "visual": 4}
            drawn = self.sequences(part, widths, lambda i: (3 + i % 4,) * 3)
            arrays = {name: padded(rows, 8, front=True) for name, rows in drawn.items()}
            key = "data" if joined else "d1"
            y = np.resize(SENTIMENT, size) if labels is None else labels(size)
            self.array(folder / f"y_{part}.h5", key, y if joined else y.reshape(size, -1))
            if joined:
                whole = np.concatenate(list(arrays.values()), 2)
                self.array(folder / f"X_{part}.h5", key, whole.astype(float))
                continue
            files = {
                "text": f"text_{part}_emb",
                "audio": f"audio_{part}",
                "visual": f"video_{part}",
            }
            for name, file in files.items():
                self.array(folder / f"{file}.h5", key, arrays[name])
        return folder

    @staticmethod
    def array(path, key, values):
        with h5py.File(path, "w") as file:
            file.create_dataset(key, data=values)

    @staticmethod
    def open(path, **settings):
        """Build the dataset as the command line would, from settings that are text."""
        return Public(configure(Public.Config, {"path": str(path), **settings}, "public"))
