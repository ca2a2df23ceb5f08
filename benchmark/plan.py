"""What to run: from flags or a TOML file to a list of cells, each with a content hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .asked import check_asked
from .cell import Cell
from .contract import UserError
from .contract.config import SIZES
from .contract.errors import near
from .digest import HARNESS, code_digest
from .lengths import Variant, modules, parse_lengths, variants
from .loading import reduced
from .precision import PreciseSettings
from .recipes import Recipe, parse, under
from .registration import plan_hash
from .registry import datasets, methods
from .seeds import stream
from .settings import DataSettings
from .until_decided import Looks, comparisons, read_looks

PRESETS = Path(__file__).parent / "presets"
SMALL_FRAMES = 64


class Plan(BaseModel):
    """Methods x datasets x seeds at one size, with settings by dotted path.

    ``only:*`` stands for every single modality of each dataset, ``all`` for every method. What the
    report will test is a part of the plan, and of its hash: ``metric``, ``baseline``, the
    ``family`` of comparisons (every method against the baseline, or all pairs), ``alpha``, and
    ``margin``, half the width of the region of practical equivalence in points. With ``lengths``
    every dataset is trained and tested at each of them; ``cost`` names what is measured beside;
    ``looks`` says after how many seeds the run looks whether its comparisons are decided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...]
    size: Literal["small", "paper"] = "small"
    settings: dict[str, Any] = {}
    baseline: str | None = None
    metric: str = "macro_f1"
    family: Literal["baseline", "pairs"] = "baseline"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    margin: Annotated[float, Field(gt=0)] = 1.0
    preset: str | None = None
    lengths: tuple[str, ...] = ()
    cost: tuple[Literal["flops", "predicted", "memory", "latency"], ...] = ()
    looks: Looks | None = None

    @property
    def hash(self) -> str:
        return plan_hash(self.model_dump())


def read_preset(name: str) -> dict[str, Any]:
    """Return the fields of a named preset."""
    known = sorted(path.stem for path in PRESETS.glob("*.toml"))
    if name not in known:
        raise UserError(
            f"unknown preset {name!r}{near(name, known) or ';'} expected one of {', '.join(known)}"
        )
    return {**read_toml(PRESETS / f"{name}.toml"), "preset": name}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the fields of a plan file; its table ``set`` becomes settings by dotted path."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"plan file {str(path)!r} does not exist; expected a TOML file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"plan file {str(path)!r} cannot be read: {error}") from error
    fields["settings"] = dict(flatten(fields.pop("set", {})))
    return fields


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def make_plan(*layers: Mapping[str, Any]) -> Plan:
    """Merge layers of fields (preset, file, flags; the later ones win) into a checked plan.

    Raises
    ------
    UserError
        A field that a plan does not have, or a value that does not fit.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        settings = {**merged.get("settings", {}), **layer.get("settings", {})}
        merged |= {**{k: v for k, v in layer.items() if v is not None}, "settings": settings}
    merged["seeds"] = seed_list(merged.get("seeds", 1))
    if merged.get("lengths"):
        merged["lengths"] = parse_lengths(merged["lengths"])
        merged["cost"] = merged.get("cost") or ("flops",)
    merged["looks"] = read_looks(merged, len(merged["seeds"]))
    unknown = set(merged) - set(Plan.model_fields)
    if unknown:
        name = sorted(unknown)[0]
        raise UserError(f"a plan has no field {name!r}{near(name, Plan.model_fields)}")
    if merged.get("size", "small") not in SIZES:
        raise UserError(f"unknown size {merged['size']!r}; expected one of {', '.join(SIZES)}")
    try:
        plan = Plan(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"plan: {where}={first.get('input')!r}: {first['msg']}") from error
    for field in ("methods", "datasets", "seeds"):
        if not getattr(plan, field):
            raise UserError(f"the plan names no {field}; give --{field}, or see `bench list`")
    return plan


def seed_list(seeds: Any) -> tuple[int, ...]:
    """Read ``20`` (0 to 19), ``5:10`` (5 to 9), ``0,3,7`` or a list."""
    try:
        if isinstance(seeds, int):
            found = range(seeds)
        elif isinstance(seeds, str) and ":" in seeds:
            first, last = seeds.split(":")
            found = range(int(first), int(last))
        elif isinstance(seeds, str):
            found = [int(s) for s in seeds.split(",") if s] if "," in seeds else range(int(seeds))
        else:
            found = [int(s) for s in seeds]
    except (TypeError, ValueError):
        raise UserError(
            f"seeds={seeds!r}; expected a count, a range 5:10, or a list 0,3,7"
        ) from None
    if not found or min(found) < 0 or len(set(found)) != len(found):
        raise UserError(f"seeds={seeds!r}; expected at least one seed, none negative, none twice")
    return tuple(found)


class Planned:
    """A plan opened: its datasets read, its names checked, its cells listed.

    Raises
    ------
    UserError
        An unknown name or setting, data that cannot be read, or a method that cannot be built.
    """

    def __init__(self, plan: Plan, root: Path | None):
        self.plan, self.root = plan, root
        self.preset = read_preset(plan.preset) if plan.preset else {"settings": {}}
        self.known_digests: dict[tuple[str, str], tuple[str, str]] = {}
        used: set[str] = set()
        self.variants: dict[str, Variant] = {}
        for source in plan.datasets:
            settings = self.dataset_settings(source, used)
            for variant in variants(source, settings, plan.lengths, root):
                if variant.name in self.variants:
                    raise UserError(
                        f"dataset {variant.name!r} is named twice in the plan; name it once"
                    )
                self.variants[variant.name] = variant
        self.datasets = {name: variant.dataset for name, variant in self.variants.items()}
        self.sources = {name: variant.source for name, variant in self.variants.items()}
        self.cells = list(self.list_cells(used))
        self.check_settings(used)
        self.check_splits()
        self.comparisons = comparisons(self)
        labels = (cell.method for cell in self.cells)
        own = plan.baseline != self.preset.get("baseline")  # a preset's goes with its methods
        check_asked(plan.baseline if own else None, plan.metric, labels, self.datasets)

    @cached_property
    def names(self) -> list[str]:
        """The ids of all cells, in their order."""
        return identities(self.cells)

    def dataset_settings(self, name: str, used: set[str]) -> dict[str, Any]:
        """Return a dataset's settings: ``simulated.clips``, then ``simulated:synergy.clips``."""
        settings = {}
        for scope in dict.fromkeys((datasets[name.partition(":")[0]].name, name)):
            settings |= self.take(scope, used)
        return settings

    def take(self, scope: str, used: set[str]) -> dict[str, Any]:
        found = under(self.plan.settings, scope)
        used |= {f"{scope}.{name}" for name in found}
        return found

    def list_cells(self, used: set[str]) -> Iterator[Cell]:
        """Yield the cells, all methods of one seed before the next seed begins."""
        plan = self.plan
        shared = {d: self.shared(d, used) for d in self.datasets}
        self.data = {name: settings for name, (settings, _) in shared.items()}
        data = {name: settings.model_dump() for name, settings in self.data.items()}
        rows = {d: list(self.rows(d, shared[d][0], used)) for d in self.datasets}
        for seed in plan.seeds:
            for name, variant in self.variants.items():
                for fold in range(variant.dataset.folds):
                    for method, config, training in rows[name]:
                        yield Cell(
                            method=method, config=config, dataset=name,
                            dataset_config=dict(variant.settings),
                            fingerprint=shared[name][1], seed=seed, fold=fold,
                            training=training, data=data[name],
                        )  # fmt: skip

    def shared(self, dataset: str, used: set[str]) -> tuple[DataSettings, str]:
        """Return a dataset's data settings (``data.x``, ``DATASET.data.x``) and fingerprint."""
        shortened = self.plan.size == "small" and not self.plan.lengths
        given: dict[str, Any] = {"max_frames": SMALL_FRAMES} if shortened else {}
        for scope in ("data", *self.paths(dataset, "data")):
            given |= self.take(scope, used)
        return checked(DataSettings, given, "data"), self.datasets[dataset].fingerprint()

    def rows(
        self, dataset: str, data: DataSettings, used: set[str]
    ) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Yield the methods of a dataset, each with its whole configuration and training."""
        task = reduced(self.datasets[dataset].task, data)
        for name in self.expand(self.datasets[dataset].task.names):
            recipe = parse(name)
            recipe.check(task, dataset)
            config = recipe.resolve(self.plan.size, self.plan.settings)
            used |= matched(recipe, self.plan.settings)
            with torch.device("meta"):
                recipe.build(task, config)
            training = dict(self.datasets[dataset].training)
            for scope in ("training", *self.paths(dataset, "training")):
                training |= self.take(scope, used)
            for scope in recipe.scopes:
                training |= self.take(f"{scope}.training", used)
            yield name, config, checked(PreciseSettings, training, "training").asked()

    def paths(self, dataset: str, part: str) -> tuple[str, ...]:
        """Return the scopes of a dataset's settings: its own, and of it at one length."""
        names = (self.variants[dataset].base, dataset)
        return tuple(f"{name}.{part}" for name in dict.fromkeys(names))

    def expand(self, modalities: tuple[str, ...]) -> list[str]:
        """Spell out ``all`` and ``only:*`` for a dataset's modalities, without doubles."""
        names: list[str] = []
        for name in self.plan.methods:
            if name == "all":
                for entry in methods:
                    names.append(f"{entry.name}:*" if entry.argument else entry.name)
            else:
                names.append(name)
        spelled = []
        for name in names:
            many = [name.replace(":*", f":{m}") for m in modalities] if ":*" in name else [name]
            spelled += many
        return list(dict.fromkeys(spelled))

    def check_splits(self) -> None:
        """Refuse a split that cannot be trained on before any cell is trained."""
        for dataset in self.datasets.values():
            for seed in self.plan.seeds:
                for fold in range(dataset.folds):
                    rng = np.random.default_rng(stream("split", seed=seed, fold=fold))
                    dataset.split(rng, fold).check(dataset)

    def check_settings(self, used: set[str]) -> None:
        """Refuse a setting that reached nothing: a misspelt path must not be passed over.

        A preset's may: its methods may have been replaced by others, without such a setting.
        """
        preset = self.preset["settings"]
        for path, value in self.plan.settings.items():
            if path not in used and (path not in preset or preset[path] != value):
                hint = near(path, used) or ";"
                raise UserError(
                    f"setting {path!r} reaches nothing in this run{hint} expected a path"
                    " such as training.epochs, METHOD.layers or DATASET.clips of a method or"
                    " dataset that the run names"
                )

    def digests(self, cell: Cell) -> tuple[str, str]:
        """Return the code digest of a cell, and of the part that all methods share."""
        key = (cell.method, cell.dataset)
        if key not in self.known_digests:
            shared, own = self.modules(cell)
            self.known_digests[key] = code_digest((*shared, *own)), code_digest(shared)
        return self.known_digests[key]

    def modules(self, cell: Cell) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the modules of a cell that all methods share, and the method's own."""
        recipe = parse(cell.method)
        classes = [recipe.entry.cls, *(s.cls for s in recipe.strategies)]
        shared = (*HARNESS, *modules(self.datasets[cell.dataset]))
        return shared, tuple(c.__module__ for c in classes)


def identities(cells: Iterable[Cell]) -> list[str]:
    """Return the ids of many cells: those of ``Cell.id``, without a copy of every setting."""
    texts = (json.dumps(vars(cell), sort_keys=True, ensure_ascii=False) for cell in cells)
    return [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]


def matched(recipe: Recipe, settings: Mapping[str, Any]) -> set[str]:
    """Return the setting paths that reach a recipe.

    Its resolution has checked their names, but for those of scopes that are shared with methods
    that may have other settings.
    """
    fields = {field.name for field in dataclasses.fields(recipe.entry.cls.Config)}
    scopes = {*recipe.scopes, *(s.name for s in recipe.strategies)}
    outer = f"{recipe.entry.name}:{recipe.argument}" if recipe.argument else recipe.entry.name
    for strategy in recipe.strategies:
        outer = f"{outer}+{strategy.name}"
        scopes.add(outer)
    shared = {"methods", recipe.entry.of}
    return {
        f"{scope}.{name}"
        for scope in scopes
        for name in under(settings, scope)
        if scope not in shared or name in fields
    }


def checked(model: Any, fields: Mapping[str, Any], scope: str) -> Any:
    """Build settings; a wrong one becomes one line for the user."""
    unknown = set(fields) - set(model.model_fields)
    if unknown:
        name = sorted(unknown)[0]
        known = ", ".join(model.model_fields)
        raise UserError(
            f"{scope} has no setting {name!r}{near(name, model.model_fields)} It has: {known}"
        )
    try:
        return model(**{k: None if v == "none" else v for k, v in fields.items()})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{scope}.{where}={first.get('input')!r}: {first['msg']}") from error
