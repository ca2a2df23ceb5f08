"""The names that a pickle may ask for, and what stands for each: no name is ever imported.

What stands for a numpy function takes the same arguments and makes an array of the bytes that the
file holds, checked beforehand: numpy's own ``__setstate__`` trusts what it is told.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .faults import UnreadableError

TYPES = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,5}|O[48]?")
"""Element types that are read: numbers, text of a fixed width, and lists of Python objects."""
SPARSE_CELLS = 10**8  # numbers of a sparse matrix written out


@dataclass(frozen=True)
class Global:
    """A name of the list. ``call`` is None where it is an argument only."""

    module: str
    name: str
    call: Callable[..., Any] | None = None


class DType:
    """An element type whose state is to come."""

    def __init__(self, spec: Any, align: Any = False, copy: Any = True):  # noqa: ARG002
        spec = spec.decode("latin-1") if isinstance(spec, bytes) else spec
        if not (isinstance(spec, str) and TYPES.fullmatch(spec)):
            said = repr(spec[:40]) if isinstance(spec, str) else type(spec).__name__
            raise UnreadableError(f"holds an array of type {said}; expected numbers or text")
        self.plain = np.dtype("O" if spec.startswith("O") else spec)

    def build(self, state: Any) -> np.dtype:
        """Return the type with the byte order of the state."""
        _, order, *structure = state[:5]
        size = state[5] if len(state) > 5 else -1
        known = order in ("<", ">", "|", "=") and size in (-1, self.plain.itemsize)
        if not known or any(part not in (None, ()) for part in structure):
            raise UnreadableError("holds an array of a structured type; expected numbers or text")
        return self.plain if order in "|=" else self.plain.newbyteorder(order)


class Array:
    """An array whose state is to come."""

    def __init__(self, kind: Any, *_: Any):
        if not (isinstance(kind, Global) and kind.name == "ndarray"):
            raise UnreadableError("holds an array of an unknown class; expected numpy.ndarray")

    def build(self, state: Any) -> np.ndarray:
        _, shape, dtype, fortran, data = state
        return array(data, dtype, shape, "F" if fortran else "C")


def array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    """Return an array over bytes that the file holds, exactly as many as its shape needs.

    Nothing is copied: an array of a mapped file is read from the page cache.
    """
    size = whole(shape)
    if not isinstance(dtype, np.dtype) or order not in ("C", "F"):
        raise UnreadableError("holds an array without a type")
    if dtype.hasobject:
        if type(data) is not list or len(data) != size:
            raise UnreadableError(f"holds an array of shape {shape} with another number of objects")
        objects = np.empty(size, object)
        for place, item in enumerate(data):
            objects[place] = item
        return objects.reshape(shape, order=order)
    content = data.encode("latin-1") if isinstance(data, str) else data  # Python 2 wrote a str
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise UnreadableError("holds an array without its bytes")
    if size * dtype.itemsize != len(content):
        raise UnreadableError(
            f"holds an array of shape {shape} and {len(content)} bytes; expected "
            f"{size * dtype.itemsize}"
        )
    return np.ndarray(shape, dtype, buffer=content, order=order)


def whole(shape: Any) -> int:
    """Return the number of elements of a shape."""
    sizes = shape if type(shape) is tuple and len(shape) <= 8 else (-1,)
    if any(type(n) is not int or not 0 <= n < 2**48 for n in sizes):
        raise UnreadableError("holds an array whose shape is none; expected up to 8 whole numbers")
    return prod(sizes)


def scalar(dtype: Any, data: Any = b"") -> Any:
    """Return one number, or one text, of an element type."""
    if isinstance(dtype, np.dtype) and dtype.hasobject:
        raise UnreadableError("holds a scalar that is a Python object; expected a number")
    return array(data, dtype, ())[()]


def encode(text: Any, codec: Any = "latin1") -> bytes:
    """Return the bytes that protocol 2 writes as text."""
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise UnreadableError("encodes bytes in another way than Python's pickle does")
    return text.encode("latin-1")


def empty() -> bytes:
    """Return the bytes that protocol 2 writes without a text; ``bytes(n)`` would allocate."""
    return b""


def mutable(data: Any = b"") -> bytearray:
    if not isinstance(data, (bytes, memoryview)):
        raise UnreadableError("makes a bytearray of something else than bytes")
    return bytearray(data)


class Sparse:
    """A sparse matrix whose state is to come."""

    def __init__(self, layout: str):
        self.layout = layout

    def build(self, state: Any) -> Any:
        """Return the matrix, built and checked by scipy's public constructor."""
        from scipy import sparse

        shape = state.get("_shape", state.get("shape"))
        if whole(shape) > SPARSE_CELLS or len(shape) != 2:
            raise UnreadableError("holds a sparse matrix that is too large or has not two axes")
        if self.layout == "coo":
            places = state["coords"] if "coords" in state else (state["row"], state["col"])
            row, column = (vector(each) for each in places)
            return sparse.coo_matrix((vector(state["data"]), (row, column)), shape=shape)
        kind = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[self.layout]
        parts = tuple(vector(state[name]) for name in ("data", "indices", "indptr"))
        matrix = kind(parts, shape=shape)
        matrix.check_format(full_check=True)
        return matrix


def vector(values: Any) -> np.ndarray:
    """Return an array of a sparse matrix; scipy would make one of whatever it is given."""
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "fiub":
        raise UnreadableError("holds a sparse matrix that is not made of arrays of numbers")
    return values


def key(value: Any) -> Any:
    """Return a key of a dictionary, or an item of a set.

    Tuples are refused: hashing some that hold each other twice takes for ever.
    """
    if isinstance(value, (str, bytes, int, float, np.generic)) or value is None:
        return value
    raise UnreadableError(f"has a key of type {type(value).__name__}; expected text or a number")


def pairs(items: Any = ()) -> dict[Any, Any]:
    return {key(name): value for name, value in items}


def ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict(pairs(items))


def unique(items: Any = ()) -> set[Any]:
    return {key(item) for item in items}


def instance(kind: Any, base: Any = None, state: Any = None) -> Any:  # noqa: ARG001
    """Return what protocol 0 and 1 call an instance: a sparse matrix or an ordered dictionary."""
    if not isinstance(kind, Global) or kind.call is None or kind.call not in INSTANCES:
        raise UnreadableError("makes an instance of a class that no published set needs")
    return kind.call()


def csr() -> Sparse:
    return Sparse("csr")


def csc() -> Sparse:
    return Sparse("csc")


def coo() -> Sparse:
    return Sparse("coo")


INSTANCES = (csr, csc, coo, ordered)
ADMITTED: Mapping[tuple[str, str], Callable[..., Any] | None] = {
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): DType,
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy._core.multiarray", "_reconstruct"): Array,
    ("numpy.core.multiarray", "scalar"): scalar,
    ("numpy._core.multiarray", "scalar"): scalar,
    ("numpy.core.numeric", "_frombuffer"): array,
    ("numpy._core.numeric", "_frombuffer"): array,
    ("scipy.sparse.csr", "csr_matrix"): csr,
    ("scipy.sparse._csr", "csr_matrix"): csr,
    ("scipy.sparse.csc", "csc_matrix"): csc,
    ("scipy.sparse._csc", "csc_matrix"): csc,
    ("scipy.sparse.coo", "coo_matrix"): coo,
    ("scipy.sparse._coo", "coo_matrix"): coo,
    ("collections", "OrderedDict"): ordered,
    ("builtins", "dict"): pairs,
    ("__builtin__", "dict"): pairs,
    ("builtins", "list"): list,
    ("__builtin__", "list"): list,
    ("builtins", "set"): unique,
    ("__builtin__", "set"): unique,
    ("builtins", "bytes"): empty,
    ("__builtin__", "bytes"): empty,
    ("builtins", "bytearray"): mutable,
    ("__builtin__", "bytearray"): mutable,
    ("builtins", "object"): None,
    ("__builtin__", "object"): None,
    ("_codecs", "encode"): encode,
    ("copyreg", "_reconstructor"): instance,
    ("copy_reg", "_reconstructor"): instance,
}
"""By module and name, in the spellings of numpy 1 and 2 and of Python 2 and 3."""


def admitted(module: Any, name: Any) -> Global:
    """Return what stands for a name, or refuse it.

    Raises
    ------
    UnreadableError
        Any name that is not on the list; it has not been looked up.
    """
    key = (module, name)
    if not all(isinstance(part, str) for part in key) or key not in ADMITTED:
        raise UnreadableError(
            f"asks for {f'{module}.{name}'[:120]!r}, which is not among the {len(ADMITTED)} names "
            "that a feature set needs, and was not run: fetch the file from its authors"
        )
    return Global(module, name, ADMITTED[key])
