"""Names of methods, strategies and datasets, from the package, entry points and plugin files."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from .contract import FusionDataset, FusionMethod, TrainingStrategy, UserError
from .contract.errors import near

Mark = Literal["published", "reference", "reconstruction"]
T = TypeVar("T")
M = TypeVar("M", bound=type[FusionMethod])
S = TypeVar("S", bound=type[TrainingStrategy])
D = TypeVar("D", bound=type[FusionDataset])


@dataclass(frozen=True)
class MethodEntry:
    """A registered method; an ablation shares its parent's class and fixes some settings."""

    name: str
    cls: type[FusionMethod]
    paper: str
    mark: Mark
    modalities: tuple[int, int | None]
    missing: Literal["zeros", "mask"]
    cost: str
    argument: str | None = None
    of: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        return first_line(self.cls)


@dataclass(frozen=True)
class StrategyEntry:
    """A registered training strategy and the method that it wraps when it is named alone."""

    name: str
    cls: type[TrainingStrategy]
    paper: str
    mark: Mark
    default: str

    @property
    def summary(self) -> str:
        return first_line(self.cls)


@dataclass(frozen=True)
class DatasetEntry:
    """A registered dataset; ``name:argument`` sets the setting that ``argument`` names."""

    name: str
    cls: type[FusionDataset]
    source: str
    argument: str | None = None
    choices: tuple[str, ...] = ()
    local: bool = False

    @property
    def summary(self) -> str:
        return first_line(self.cls)


class Registry(Generic[T]):
    """Entries by name; a name taken twice raises, an unknown one lists what lies near."""

    def __init__(self, kind: str, plural: str, package: str):
        self.kind, self.plural = kind, plural
        self.package = self.group = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, entry: T) -> None:
        if name in self._entries:
            taken = getattr(self._entries[name], "cls", None)
            raise UserError(
                f"{self.kind} {name!r} is registered twice: by {getattr(taken, '__module__', '?')} "
                f"and by {getattr(entry, 'cls', type(entry)).__module__}; rename one of them"
            )
        self._entries[name] = entry

    def replace(self, name: str, entry: T) -> None:
        """Put an entry in the place of the one that has the name: in a process that ends soon."""
        self._entries[name] = entry

    def load(self) -> None:
        """Import the package's own files and the entry points of installed packages, once."""
        if self._loaded:
            return
        self._loaded = True  # at once: what is imported below may look a name up
        try:
            self._load()
        except BaseException:
            self._loaded = False
            raise

    def _load(self) -> None:
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.group):
            try:
                point.load()
            except Exception as error:
                raise UserError(
                    f"entry point {point.name!r} ({point.value}) of group {self.group} cannot be "
                    f"loaded: {type(error).__name__}: {error}; mend or uninstall that package"
                ) from error

    def __getitem__(self, name: str) -> T:
        self.load()
        if name not in self._entries:
            raise UserError(
                f"unknown {self.kind} {name!r}{near(name, self._entries) or '.'} "
                f"`bench list {self.plural}` shows all {len(self._entries)}"
            )
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self.load()
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        self.load()
        return iter(self._entries.values())

    def names(self) -> list[str]:
        """Return all names, in order of registration."""
        self.load()
        return list(self._entries)


methods: Registry[MethodEntry] = Registry("method", "methods", "fusemark.methods")
strategies: Registry[StrategyEntry] = Registry("strategy", "strategies", "fusemark.methods")
datasets: Registry[DatasetEntry] = Registry("dataset", "datasets", "fusemark.datasets")

examiners: dict[type[FusionDataset], Callable[[Path], None]] = {}
"""What looks at the files of datasets of a class before a plan opens one."""

any_number = (1, None)
two_or_more = (2, None)


def method(
    name: str,
    *,
    paper: str,
    modalities: tuple[int, int | None] = any_number,
    mark: Mark = "published",
    missing: Literal["zeros", "mask"] = "zeros",
    cost: str = "",
    argument: str | None = None,
) -> Callable[[M], M]:
    """Register a fusion method under a name.

    Parameters
    ----------
    name
        What ``--methods`` takes.
    paper
        Citation, or what the method is where no paper describes it.
    modalities
        Least and greatest number of modalities; ``None`` where there is no greatest.
    mark
        ``published`` (from the paper), ``reference`` (details read in the authors' code) or
        ``reconstruction`` (details that nobody published are ours).
    missing
        What an absent modality is to the method: ``zeros`` in its place, or left out by ``mask``.
    cost
        Order of the forward pass in the lengths, as text: ``T_a T_v``.
    argument
        The setting that the part after a colon fills: ``only:audio``.
    """

    def register(cls: M) -> M:
        entry = MethodEntry(name, cls, paper, mark, modalities, missing, cost, argument)
        check(cls, FusionMethod, name)
        methods.add(name, entry)
        return cls

    return register


def ablation(name: str, *, of: str, **fixed: Any) -> None:
    """Register a named difference from a method: the same class with some settings fixed."""
    parent = methods._entries[of]
    entry = MethodEntry(
        name, parent.cls, parent.paper, parent.mark, parent.modalities, parent.missing,
        parent.cost, parent.argument, of, fixed,
    )  # fmt: skip
    methods.add(name, entry)


def strategy(name: str, *, paper: str, default: str, mark: Mark = "published") -> Callable[[S], S]:
    """Register a training strategy: ``method+name``; alone it wraps the method ``default``."""

    def register(cls: S) -> S:
        check(cls, TrainingStrategy, name)
        strategies.add(name, StrategyEntry(name, cls, paper, mark, default))
        return cls

    return register


def dataset(
    name: str,
    *,
    source: str,
    argument: str | None = None,
    choices: tuple[str, ...] = (),
    local: bool = False,
) -> Callable[[D], D]:
    """Register a dataset.

    Parameters
    ----------
    name, source
        What ``--datasets`` takes, and where the data comes from.
    argument, choices
        The setting that the part after a colon fills, and the values that ``bench list`` shows.
    local
        The argument is a path of this machine: of it, records keep the file's name alone.
    """

    def register(cls: D) -> D:
        check(cls, FusionDataset, name)
        datasets.add(name, DatasetEntry(name, cls, source, argument, choices, local))
        return cls

    return register


def examine(cls: type[FusionDataset], path: Path) -> None:
    """Look at what a dataset of a class is about to read: as registered for the class or a base.

    Raises
    ------
    UserError
        Files that are damaged, or are no longer what their fingerprint says.
    """
    for base in cls.__mro__:
        if base in examiners:
            examiners[base](path)


def check(cls: type, base: type, name: str) -> None:
    """Refuse a class that is not of the registry's base class."""
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise UserError(
            f"{name!r} is registered with {cls!r}; expected a subclass of {base.__name__}"
        )


def load_plugin(path: str | Path, name: str | None = None) -> str:
    """Import a plugin file by its path, once, and return the name of its module.

    Parameters
    ----------
    name
        Of the module, for a copy of a file that is known by its first place; default: a name made
        from the path.

    Raises
    ------
    UserError
        No such file, or the file raises when it is imported.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise UserError(f"plugin {str(path)!r} is not a file; expected the path of a Python file")
    name = name or f"fusemark_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return name
    # The package's own names are taken first, so that a collision names the plugin.
    methods.load()
    datasets.load()
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"plugin {str(path)!r} is not a Python file; expected a name ending in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(
            f"plugin {str(path)!r} raised {type(error).__name__} on import: {error}; "
            f"run `python {path}` to see where"
        ) from error
    return name


def first_line(cls: type) -> str:
    """First line of a class's own docstring."""
    return (cls.__dict__.get("__doc__") or "").strip().split("\n")[0]
