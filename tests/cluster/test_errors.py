"""What a user can mistake about a cluster: one line each, before anything is run."""

import socket
import subprocess
import sys
import time

import pytest
from fusemark.benchmark import UserError
from fusemark.benchmark.cluster.asked import Cluster, cluster_asked
from fusemark.benchmark.cluster.connect import Node, check_resources, connected, places
from fusemark.benchmark.tuning.pools import check_shared

from .conftest import command

GIB = 2**30


def asked(executor="ray", memory_limit=None, **flags):
    return cluster_asked(executor, memory_limit, **flags)


def test_flags_become_what_a_cell_takes():
    assert asked("local") is None
    assert asked() == Cluster("auto", 1, 0, 2 * GIB, 3, False)
    assert asked(memory_limit=5 * GIB).memory == 5 * GIB
    assert asked(memory_limit=5 * GIB, cell_memory="3GiB", cell_gpus=0.5) == Cluster(
        gpus=0.5, memory=3 * GIB
    )


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"executor": "dask"}, "unknown executor 'dask'; expected local or ray"),
        ({"executor": "local", "cell_gpus": 1.0}, "--cell-gpus means nothing without"),
        ({"cell_cpus": -1.0}, "--cell-cpus -1; expected 0.001 or more"),
        ({"cell_memory": "much"}, "'much'; expected such as 8GiB"),
    ],
)
def test_flags_that_cannot_be(flags, line):
    with pytest.raises(UserError, match=line):
        asked(**flags)


def test_places_are_counted_by_what_is_scarcest():
    nodes = [Node("a", {"CPU": 4.0, "memory": 3.0 * GIB}), Node("b", {"CPU": 3.0, "GPU": 1.0})]
    assert places(Cluster(memory=1), [nodes[0]]) == 4
    assert places(Cluster(memory=GIB), nodes) == 3
    assert places(Cluster(cpus=2, memory=GIB), nodes) == 2
    with pytest.raises(UserError, match=r"a cell 5 cores: its 2 nodes have at most 4 cores, 3 GiB"):
        check_resources(Cluster(cpus=5, memory=GIB), nodes)
    with pytest.raises(UserError, match="1 cores and 1 GPUs and 2 GiB of memory: its 2 nodes"):
        check_resources(Cluster(gpus=1), nodes)


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"not installed; pip install 'fusemark\[ray\]'"),
        connected(Cluster()),
    ):
        pass


def test_a_file_of_one_machine_is_no_storage_for_several():
    check_shared("sqlite:///a.db", {"one"})
    check_shared("postgresql+psycopg://host/a", {"one", "two"})
    with pytest.raises(UserError, match=r"the cluster has 2 machines; give --storage postgresql"):
        check_shared("sqlite:///a.db", {"one", "two"})


@pytest.mark.cluster
def test_an_address_where_no_cluster_answers_is_one_line_in_time(tmp_path):
    pytest.importorskip("ray")
    with socket.socket() as closed, socket.socket() as silent:
        for server in (closed, silent):
            server.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (closed, silent)]
        words = command(tmp_path, "--methods", "toy-linear", "--executor", "ray", "--address")
        start = time.monotonic()
        both = [subprocess.Popen([*words, a], stderr=subprocess.PIPE, text=True) for a in addresses]
        said = [process.communicate(timeout=60)[1] for process in both]
    assert time.monotonic() - start < 30
    for process, address, text in zip(both, addresses, said, strict=True):
        assert process.returncode == 2
        (line,) = text.splitlines()
        assert line.startswith(f"error: no Ray cluster answers at --address {address}; start one")
