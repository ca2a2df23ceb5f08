"""Code digests: a hash of the syntax trees that a result depends on.

Comments, docstrings, layout and the formula of a method's cost (``flops``) change nothing; an edit
to a function that a method imports makes that method's records stale, and no other's.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "fusemark"
HARNESS = ("fusemark.benchmark.cell",)
# What these decide (names, resolved settings) stands in the cell itself; the lazy package names
# are followed to the modules behind them.
IGNORED = {
    "fusemark.benchmark",
    "fusemark.benchmark.registry",
    "fusemark.benchmark.recipes",
    "fusemark.datasets",
    "fusemark.methods",
}


def code_digest(modules: Iterable[str]) -> str:
    """Hash the modules and all that they import inside the project, transitively; 16 digits."""
    total = hashlib.sha256()
    for name in sorted(reached(modules)):
        # The module's name is left out for plugins, whose name is made from their path.
        total.update(name.encode() if name.startswith(PACKAGE + ".") else b"plugin")
        total.update(tree_hash(source(name)).encode())
    return total.hexdigest()[:16]


def reached(modules: Iterable[str]) -> set[str]:
    """Return the modules and their transitive imports inside the project."""
    found: set[str] = set()
    waiting = [name for name in modules if name not in IGNORED]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [n for n in imports(name) if n not in IGNORED and n not in found]
    return found


@functools.cache
def imports(module: str) -> frozenset[str]:
    """Return the project's modules that a module imports, read from its syntax tree."""
    path = source(module)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            targets = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            targets += [p for alias in node.names for p in public(base, alias.name)]
        else:
            continue
        found |= {t for t in targets if t.startswith(PACKAGE + ".") and is_module(t)}
    return frozenset(found)


def public(base: str, name: str) -> Iterator[str]:
    """Yield the module behind a lazy public name of the harness."""
    from . import PUBLIC

    if base == f"{PACKAGE}.benchmark" and name in PUBLIC:
        yield f"{base}.{PUBLIC[name]}"


@functools.cache
def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def source(module: str) -> Path:
    """Return the file of a module."""
    loaded = sys.modules.get(module)
    path = getattr(loaded, "__file__", None) if loaded else None
    if path is None:
        spec = importlib.util.find_spec(module)
        path = spec.origin if spec else None
    if path is None:
        raise ModuleNotFoundError(f"module {module} has no source file")
    return Path(path)


@functools.cache
def parse(path: Path) -> ast.Module:
    """Return a file's syntax tree without what cannot change a prediction."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            node.body = [item for item in node.body if not is_formula(item)]
    return tree


def is_formula(item: ast.stmt) -> bool:
    """Say whether a class's member is its analytic cost, and with it all that only it imports."""
    return isinstance(item, ast.FunctionDef) and item.name == "flops"


@functools.cache
def tree_hash(path: Path) -> str:
    """Hash a file's syntax tree without docstrings and positions, equal over Python versions."""
    total = hashlib.sha256()

    def visit(node: object) -> None:
        if isinstance(node, ast.AST):
            total.update(f"({type(node).__name__}".encode())
            for field, value in ast.iter_fields(node):
                if value in (None, []) or field in ("ctx", "kind", "type_comment"):
                    continue
                total.update(f" {field}=".encode())
                visit(strip(node, value) if field == "body" else value)
            total.update(b")")
        elif isinstance(node, list):
            for item in node:
                visit(item)
        else:
            total.update(f"{type(node).__name__}:{node!r};".encode())

    visit(parse(path))
    return total.hexdigest()


def strip(node: ast.AST, body: object) -> object:
    """Return a body without its docstring and without strings that document a field."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if not (isinstance(node, owners) and isinstance(body, list)):
        return body
    return [
        item
        for item in body
        if not (
            isinstance(item, ast.Expr)
            and isinstance(item.value, ast.Constant)
            and isinstance(item.value.value, str)
        )
    ]
