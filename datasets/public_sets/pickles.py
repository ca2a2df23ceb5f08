"""Pickles read as data: an interpreter of the instructions that arrays and containers need.

Python's unpickler imports what a file names and calls it. This reader has a list of names, each
with something of its own to stand for it (:mod:`.admitted`), imports none of them, sets no
attribute, and refuses every other name and instruction. What a file can make it hold is bounded by
the file's own size.
"""

from __future__ import annotations

import mmap
import pickletools
from collections import OrderedDict
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Any

from .admitted import Array, DType, Global, Sparse, admitted, key
from .faults import UnreadableError

SMALL = 4096  # bytes that are copied rather than seen in the file
CODES = {op.code.encode("latin-1"): op for op in pickletools.opcodes}
RAW = {"BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8}
"""Instructions whose bytes stay where they are, with the width of their length."""
VALUES = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "SHORT_BINBYTES", *RAW),
        *("UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
    }
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
WAITING = (Array, DType, Sparse)
COPIES = 8  # of the file's size, that calls may make in all
DAMAGE = (
    ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError,
)  # fmt: skip


def read_pickle(path: Path) -> Any:
    """Return what a pickle holds: containers, numbers, text, arrays and sparse matrices.

    The file is mapped, and its arrays are views of it where the pickle holds their bytes as they
    are (protocols 3 to 5). Text of Python 2 is read as latin-1.

    Raises
    ------
    UnreadableError
        A name or an instruction that is not admitted, or a damaged file.
    """
    try:
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise UnreadableError("is empty; fetch it again") from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
    machine = Machine(Bytes(content))
    try:
        return machine.run()
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnreadableError(
            f"is no pickle, or a damaged one ({reason}; byte {machine.source.at}); fetch it again"
        ) from error


class Bytes:
    """A mapped file for pickletools' readers, which copy what they read; :meth:`view` does not."""

    def __init__(self, content: mmap.mmap):
        self.content, self.at = content, 0
        self.whole = memoryview(content)

    @property
    def left(self) -> int:
        return len(self.whole) - self.at

    def read(self, count: int) -> bytes:
        return bytes(self.seen(count))

    def readline(self) -> bytes:
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise ValueError("a line without an end")
        return self.read(end + 1 - self.at)

    def view(self, width: int) -> bytes | memoryview:
        """Return the bytes whose number stands before them."""
        found = self.seen(int.from_bytes(self.read(width), "little"))
        return bytes(found) if len(found) <= SMALL else found

    def seen(self, count: int) -> memoryview:
        if not 0 <= count <= self.left:
            raise ValueError(f"{count} bytes are said to follow, {self.left} do")
        self.at += count
        return self.whole[self.at - count : self.at]


class Machine:
    """The stack machine of a pickle.

    Attributes
    ----------
    budget
        What calls may still copy. Every instruction makes no more than its own bytes say, but a
        call on what was noted before could copy it again and again.
    """

    def __init__(self, source: Bytes):
        self.source = source
        self.budget = COPIES * source.left + SMALL
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.waiting: dict[int, list[int]] = {}

    def run(self) -> Any:
        """Run to the end and return the one value that is left."""
        while True:
            code = self.source.read(1)
            if code not in CODES:
                raise ValueError(f"unknown instruction {code!r}")
            operation = CODES[code]
            if operation.name == "STOP":
                return done(self.stack.pop())
            argument = None
            if operation.name in RAW:
                argument = self.source.view(RAW[operation.name])
            elif operation.arg is not None:
                argument = operation.arg.reader(self.source)  # pyright: ignore[reportArgumentType]
            self.step(operation.name, argument)

    def step(self, name: str, argument: Any) -> None:
        """Run one instruction."""
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in EMPTY:
            self.stack.append(EMPTY[name]())
        elif name in TUPLES:
            self.stack.append(tuple(self.taken(TUPLES[name])))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.note(argument)
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.stack.append(admitted(*argument.split(" ", 1)))
        elif name not in ("PROTO", "FRAME"):
            run = getattr(self, f"on_{name.lower()}", None)
            if run is None:
                what = f" {argument.replace(' ', '.')[:80]!r}" if name == "INST" else ""
                raise UnreadableError(
                    f"uses the pickle instruction {name}{what}, which no feature set needs, and "
                    "was not run: fetch the file from its authors"
                )
            run()

    def note(self, place: int) -> None:
        """Put the last value into the memo."""
        value = self.stack[-1]
        self.memo[place] = value
        if isinstance(value, WAITING):
            self.waiting.setdefault(id(value), []).append(place)

    def taken(self, count: int) -> list[Any]:
        """Take some values off the stack."""
        if len(self.stack) < count:
            raise IndexError("too few values on the stack")
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.marked.pop()
        return found

    def spend(self, parts: Iterable[Any]) -> None:
        """Count what a call can copy."""
        self.budget -= sum(len(part) for part in parts if isinstance(part, Sized))
        if self.budget < 0:
            raise UnreadableError(
                "copies its content again and again; fetch the file from its authors"
            )

    def extend(self, items: Iterable[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("items for what is no list")
        self.stack[-1].extend(done(item) for item in items)

    def fill(self, items: Sequence[Any]) -> None:
        if type(self.stack[-1]) not in (dict, OrderedDict):
            raise TypeError("keys for what is no dictionary")
        for name, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][key(name)] = done(value)

    def on_memoize(self) -> None:
        self.note(len(self.memo))

    def on_mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def on_pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def on_pop_mark(self) -> None:
        self.since_mark()

    def on_dup(self) -> None:
        self.stack.append(self.stack[-1])

    def on_tuple(self) -> None:
        found = self.since_mark()
        self.stack.append(tuple(found))

    def on_list(self) -> None:
        found = self.since_mark()
        self.stack.append([done(item) for item in found])

    def on_dict(self) -> None:
        found = self.since_mark()
        self.stack.append({})
        self.fill(found)

    def on_frozenset(self) -> None:
        found = self.since_mark()
        self.stack.append(frozenset(map(key, found)))

    def on_append(self) -> None:
        self.extend([self.stack.pop()])

    def on_appends(self) -> None:
        self.extend(self.since_mark())

    def on_setitem(self) -> None:
        self.fill(self.taken(2))

    def on_setitems(self) -> None:
        self.fill(self.since_mark())

    def on_additems(self) -> None:
        found = self.since_mark()
        if type(self.stack[-1]) is not set:
            raise TypeError("items for what is no set")
        self.stack[-1].update(map(key, found))

    def on_stack_global(self) -> None:
        self.stack.append(admitted(*self.taken(2)))

    def on_reduce(self) -> None:
        called, arguments = self.taken(2)
        if not isinstance(called, Global) or called.call is None or type(arguments) is not tuple:
            raise TypeError("a call of what cannot be called")
        self.spend(arguments)
        self.stack.append(called.call(*arguments))

    on_newobj = on_reduce

    def on_build(self) -> None:
        """Give an array, an element type or a matrix its state; nothing else takes one.

        The finished value then stands wherever the unfinished one was noted.
        """
        waiting, state = self.taken(2)
        if not isinstance(waiting, WAITING):
            raise UnreadableError("sets attributes of an object, which no feature set needs")
        self.spend(state.values() if isinstance(state, dict) else state)
        value = waiting.build(state)
        for place in self.waiting.pop(id(waiting), ()):
            if self.memo[place] is waiting:
                self.memo[place] = value
        self.stack.append(value)


def done(value: Any) -> Any:
    """Return a value that waits for nothing."""
    if isinstance(value, (Global, *WAITING)):
        raise ValueError("an object without its state")
    return value
