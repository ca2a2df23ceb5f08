"""Pickles are read as data: what Python wrote comes back, and nothing in a file is ever run."""

import builtins
import collections
import os
import pickle
import pickletools
import random
import struct
import sys

import numpy as np
import pytest
from fusemark.datasets.public_sets.admitted import ADMITTED
from fusemark.datasets.public_sets.faults import UnreadableError
from fusemark.datasets.public_sets.pickles import CODES, read_pickle
from scipy import sparse


def same(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            same(found[name], expected[name])
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tolist() == expected.tolist()
    elif sparse.issparse(expected):
        assert type(found) is type(expected)
        assert (found != expected).nnz == 0
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert found == expected


CONTENT = {
    "float32": np.linspace(-3, 3, 4000, dtype=np.float32).reshape(10, 50, 8),
    "float64": np.array([[0.1, -np.inf, np.nan]])[:, :2],
    "column order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(4, dtype=">i4"),
    "integers": np.arange(5, dtype=np.int64),
    "booleans": np.array([True, False]),
    "no rows": np.zeros((0, 3)),
    "text": np.array([["a$_$1", "0.5"], ["ä", "1"]]),
    "bytes text": np.array([b"03bSnISJMiM_1", b"b"]),
    "objects": np.array(["a", b"q", 1.5, None], object),
    "scalar": np.float32(0.6),
    "csr": sparse.csr_matrix(np.eye(4)),
    "csc": sparse.csc_matrix(np.eye(3)),
    "coo": sparse.coo_matrix(np.eye(3)),
    "set": {1, 2},
    "ordered": collections.OrderedDict(b=1, a=2),
    "list": ["x", 1, 2.5, None, True, 2**70, b"", b"xy", (), (1,), (1, 2), (1, 2, 3, 4)],
    "shared": [np.arange(3)] * 3,
}


@pytest.fixture
def load(tmp_path):
    def read(content):
        (tmp_path / "x.pkl").write_bytes(content)
        return read_pickle(tmp_path / "x.pkl")

    return read


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_writes_comes_back_in_every_protocol(load, protocol):
    same(load(pickle.dumps(CONTENT, protocol)), CONTENT)


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickle_of_numpy_1_comes_back(load, protocol):
    content = {"x": np.arange(6.0).reshape(2, 3), "y": np.float64(2)}
    written = pickle.dumps(content, protocol)
    if protocol == 4:  # there the name's length stands before it
        old, new = b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray"
        assert old in written
        start = written.index(b"\x95") + 1
        size = struct.unpack_from("<Q", written, start)[0] - written.count(old)
        written = written[:start] + struct.pack("<Q", size) + written[start + 8 :]
    else:
        old, new = b"cnumpy._core.multiarray", b"cnumpy.core.multiarray"
        assert old in written
    same(load(written.replace(old, new)), content)


def python_2(array):
    """Write {"text": array} as Python 2.7 with numpy 1.13 does at protocol 2: bytes are a str."""
    kind, data = array.dtype.str[1:].encode(), array.tobytes()
    shape = b"".join(b"K" + bytes([n]) for n in array.shape)
    return (
        b"\x80\x02}q\x00U\x04textq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\n"
        b"q\x03K\x00\x85q\x04U\x01bq\x05\x87q\x06Rq\x07(K\x01" + shape + b"\x87q\x08cnumpy\ndtype\n"
        b"q\x09U" + bytes([len(kind)]) + kind
        + b"q\x0aK\x00K\x01\x87q\x0bRq\x0c(K\x03U\x01<q\x0dNNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb"
        b"\x89T" + struct.pack("<i", len(data)) + data + b"q\x0ftq\x10bs."
    )  # fmt: skip


def test_pickle_of_python_2_comes_back(load):
    array = np.linspace(-9, 9, 24).reshape(2, 3, 4)
    written = python_2(array)
    same(pickle.loads(written, encoding="latin1"), {"text": array})
    same(load(written), {"text": array})


class Calls:
    def __init__(self, call, *arguments, state=None):
        self.told = (call, arguments) if state is None else (call, arguments, state)

    def __reduce__(self):
        return self.told


def asks(module, name, *arguments, protocol=2):
    """Write a call of a name that need not exist."""
    parts = b"".join(pickle.dumps(a, 2)[2:-1] for a in arguments)
    if protocol == 4:
        names = b"".join(b"\x8c" + bytes([len(n)]) + n.encode() for n in (module, name))
        return b"\x80\x04" + names + b"\x93(" + parts + b"tR."
    return b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n(" + parts + b"tR."


FORBIDDEN = [
    ("builtins", "eval"), ("__builtin__", "eval"), ("builtins", "exec"), ("builtins", "getattr"),
    ("builtins", "__import__"), ("builtins", "open"), ("builtins", "object.__subclasses__"),
    ("builtins", "dict.fromkeys"), ("numpy.testing._private.utils", "runstring"),
    ("numpy", "load"), ("numpy", "memmap"), ("numpy", "ndarray.tofile"), ("numpy.f2py", "compile"),
    ("numpy.core.multiarray", "fromfile"), ("numpy._core.multiarray", "_reconstruct.__globals__"),
    ("numpy", "core.multiarray._reconstruct"), ("os", "system"), ("posix", "system"),
    ("subprocess", "Popen"), ("operator", "attrgetter"), ("functools", "partial"),
    ("importlib", "import_module"), ("pickle", "loads"), ("_pickle", "loads"), ("torch", "load"),
    ("torch._utils", "_rebuild_tensor_v2"), ("pandas", "read_pickle"), ("codecs", "encode"),
    ("_codecs", "lookup"), ("copyreg", "__newobj__"), ("copyreg", "add_extension"),
    ("scipy.sparse._csr", "csr_array"), ("scipy.sparse.csr", "csr_matrix.tofile"),
    ("collections", "OrderedDict.__init__"), ("collections", "defaultdict"),
    ("fusemark.datasets.public_sets.admitted", "admitted"), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(("module", "name"), FORBIDDEN)
def test_any_other_name_is_refused_and_named(load, module, name, protocol):
    with pytest.raises(UnreadableError) as error:
        load(asks(module, name, "raise SystemExit(9)", protocol=protocol))
    assert f"'{module}.{name}'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture
def watched(monkeypatch, tmp_path):
    """Count what an attack would do: import a module, open a file, run a command, evaluate."""
    seen, on = [], [False]

    def hook(event, arguments):
        risky = event in ("exec", "compile", "import", "os.system", "subprocess.Popen", "open")
        if on[0] and risky and str(tmp_path) not in str(arguments):
            seen.append((event, arguments))

    sys.addaudithook(hook)
    yield on, seen
    on[0] = False


def nested_marks():
    return b"\x80\x04" + b"(" * 100_000 + b"."


def shared_tuples():
    """A key whose hash takes 2 ** 60 steps."""
    return b"\x80\x02}K\x01\x85" + b"2\x86" * 60 + b"K\x01s."


def copies():
    """A list of 30,000 items, asked to be copied 30,000 times."""
    call = b"0cbuiltins\nlist\nh\x00\x85R"
    return b"\x80\x02](" + b"K\x01" * 30_000 + b"eq\x00" + call * 30_000 + b"."


ATTACKS = {
    "eval": lambda: pickle.dumps(Calls(eval, "__import__('os').system('touch evil')")),
    "os.system": lambda: pickle.dumps(Calls(os.system, "touch evil")),
    "getattr chain": lambda: pickle.dumps(Calls(getattr, Calls(getattr, "", "join"), "__self__")),
    "reduce of a marker": lambda: asks("numpy", "ndarray", (10**13,)),
    "new object of a marker": lambda: b"\x80\x02cnumpy\nndarray\nK\x01\x85\x81.",
    "a name as the result": lambda: b"\x80\x02cbuiltins\nlist\n.",
    "a name in a list": lambda: b"\x80\x02](cbuiltins\nlist\ne.",
    "attributes of a name": lambda: b"\x80\x02ccollections\nOrderedDict\n}U\x01aK\x01sb.",
    "attributes of an object": lambda: b"\x80\x02ccollections\nOrderedDict\n)R}U\x01aK\x01sb.",
    "slots of a list": lambda: b"\x80\x02]N}U\x09__class__K\x01s\x86b.",
    "persistent id": lambda: b"\x80\x02U\x01xQ.",
    "persistent id in text": lambda: b"Px\n.",
    "extension code": lambda: b"\x80\x02\x82\x01.",
    "instance": lambda: b"(S'touch evil'\nios\nsystem\n.",
    "old object": lambda: b"(cos\nsystem\nS'touch evil'\no.",
    "buffer": lambda: b"\x80\x05\x97.",
    "huge bytes": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.",
    "huge bytearray": lambda: b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x.",
    "huge text": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**61) + b"x.",
    "huge frame": lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"K",
    "huge memo": lambda: b"\x80\x02" + b"K\x01r\xff\xff\xff\x7f0" * 3,
    "huge integer": lambda: b"I" + b"9" * 100_000 + b"\n.",
    "huge zeros": lambda: asks("builtins", "bytes", 10**13),
    "huge bytearray call": lambda: asks("builtins", "bytearray", 10**13),
    "huge array": lambda: pickle.dumps(
        Calls(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b",
              state=(1, (10**13,), np.dtype("f4"), False, b"1234"))
    ),
    "negative shape": lambda: pickle.dumps(
        Calls(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b",
              state=(1, (-1, -1), np.dtype("i1"), False, b"1"))
    ),
    "objects of a number": lambda: pickle.dumps(
        Calls(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b",
              state=(1, (2,), np.dtype("O"), False, b"\x00" * 16))
    ),
    "objects in a buffer": lambda: asks("numpy._core.numeric", "_frombuffer", b"x" * 8, "O", (1,)),
    "structured type": lambda: pickle.dumps(np.zeros(2, [("x", "f4")])),
    "date": lambda: pickle.dumps(np.array(["2020-01-01"], "M8[D]")),
    "matrix out of bounds": lambda: pickle.dumps(spoiled_matrix()),
    "marks": nested_marks,
    "tuples in tuples as a key": shared_tuples,
    "copies of copies": copies,
    "array that is a key": lambda: b"\x80\x02}" + pickle.dumps(np.zeros(2), 2)[2:-1] + b"K\x01s.",
    "ordered pairs of nothing": lambda: asks("collections", "OrderedDict", [1, 2]),
    "archive": lambda: b"PK\x03\x04" + b"\x00" * 40,
    "web page": lambda: b"<!DOCTYPE html><html></html>\n",
    "pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n",
    "empty": lambda: b"",
    "no end": lambda: pickle.dumps([1, 2])[:-1],
}  # fmt: skip


def spoiled_matrix():
    matrix = sparse.csr_matrix(np.eye(4))
    matrix.indices[:] = 10**6
    return matrix


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_attack_is_one_line_and_does_nothing(load, watched, tmp_path, monkeypatch, attack):
    monkeypatch.chdir(tmp_path)
    before = dict(vars(builtins))
    content = attack()
    on, seen = watched
    on[0] = True
    with pytest.raises(UnreadableError) as error:
        load(content)
    on[0] = False
    assert "\n" not in str(error.value)
    assert seen == []
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]
    assert dict(vars(builtins)) == before


def test_every_truncation_is_one_line(load):
    content = pickle.dumps({"a": np.arange(3.0), "b": ["x", 1.5], "s": np.float32(1)}, 4)
    for size in range(len(content)):
        with pytest.raises(UnreadableError, match="fetch it again"):
            load(content[:size])


def fault(load, content):
    """Return what is wrong with a file, nothing where it can be read."""
    try:
        load(content)
    except UnreadableError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_damaged_bytes_give_data_or_one_line(load, protocol):
    rng = random.Random(protocol)
    good = pickle.dumps({"a": np.arange(3.0), "b": ["x", 1.5, {1}], "c": np.array(["q"])}, protocol)
    for _ in range(600):
        content = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        assert "\n" not in fault(load, bytes(content))


def test_random_instructions_give_data_or_one_line(load):
    rng = random.Random(0)
    codes = list(CODES)
    names = [f"c{module}\n{name}\n".encode() for module, name in ADMITTED]
    for _ in range(1500):
        parts = [rng.choice(codes) + rng.randbytes(rng.choice((0, 0, 1, 2, 4))) for _ in range(12)]
        parts += rng.choices(names, k=3)
        rng.shuffle(parts)
        assert "\n" not in fault(load, b"".join(parts) + b".")


def test_loading_imports_nothing_that_the_list_names(load):
    """An entry stands for something of ours: no numpy or scipy function is called by its name."""
    for (module, _), call in ADMITTED.items():
        if call is not None and not module.startswith(("builtins", "__builtin__")):
            assert call.__module__ == "fusemark.datasets.public_sets.admitted"
    assert ADMITTED["builtins", "list"] is list
    assert len({op.name for op in pickletools.opcodes}) == len(CODES)
