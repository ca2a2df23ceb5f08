"""A folder with a good manifest, for tests that change or spoil it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.manifest import Manifest


class Folder:
    """12 examples of 6 speakers and 2 classes, in 24 files; rows are numbered as in the CSV."""

    def __init__(self, path: Path):
        self.path = path
        self.header = ["id", "label", "speaker", "audio", "visual"]
        self.rows = []
        for i in range(12):
            self.save(f"a{i}.npy", self.draw(i, (4 + i, 3)))
            self.save(f"v{i}.npy", self.draw(100 + i, (2, 5)))
            label, speaker = ("happy", "sad")[i % 2], f"s{i // 2}"
            self.rows.append([f"clip{i}", label, speaker, f"a{i}.npy", f"v{i}.npy"])

    @staticmethod
    def draw(seed, shape):
        return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)

    def save(self, name, array):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(self.path / name, array, allow_pickle=True)

    def put(self, row, column, cell):
        self.rows[row - 2][self.header.index(column)] = cell

    def put_all(self, column, cells):
        for row, cell in enumerate(cells, 2):
            self.put(row, column, cell)

    def add(self, column, cells):
        self.header.append(column)
        self.rows = [[*row, cell] for row, cell in zip(self.rows, cells, strict=True)]

    def drop(self, column):
        index = self.header.index(column)
        for row in (self.header, *self.rows):
            del row[index]

    def build(self, **settings):
        with (self.path / "data.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([self.header, *self.rows])
        return self.open(self.path / "data.csv", **settings)

    @staticmethod
    def open(path, **settings):
        """Build the dataset from a CSV as the command line would, from settings that are text."""
        return Manifest(configure(Manifest.Config, {"path": str(path), **settings}, "manifest"))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def new_folder():
    """Give the class, for a second folder."""
    return Folder
