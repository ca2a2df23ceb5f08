"""A real Ray cluster of two nodes on this machine, one core each."""

import os
import sys
from pathlib import Path

import pytest
from fusemark.benchmark.plan import Planned, make_plan
from fusemark.benchmark.registry import load_plugin

TOY = Path(__file__).parents[1] / "benchmark" / "toy.py"
LOST = Path(__file__).parent / "toy_lost.py"
PLUGINS = (str(TOY), str(LOST))
BENCH = [sys.executable, "-m", "fusemark.benchmark.cli"]
FAST = {"training.epochs": 3}
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@pytest.fixture(scope="module")
def nodes():
    """Start a cluster of two nodes; what a node's workers lack is kept from its environment."""
    pytest.importorskip("ray")
    os.environ.update(RAY_USAGE_STATS_ENABLED="0")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        cluster.second = cluster.add_node(**NODE)
        yield cluster
    finally:
        cluster.shutdown()


def planned(methods="toy-linear", seeds=1, settings=FAST, datasets="toy", plugins=PLUGINS):
    for plugin in plugins:
        load_plugin(plugin)
    fields = {"methods": methods.split(","), "datasets": datasets.split(","), "seeds": seeds}
    return Planned(make_plan({**fields, "settings": settings}), None)


def command(out, *more, datasets="toy", plugins=PLUGINS):
    words = [*BENCH, "run", "--no-report", "--out", str(out), "--datasets", datasets]
    words += [word for plugin in plugins for word in ("--plugin", plugin)]
    return [*words, "--set", "training.epochs=3", *map(str, more)]
