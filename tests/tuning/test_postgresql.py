"""A real PostgreSQL server: several processes tune one study, one is killed, the server goes down.

The server is Debian's package `postgresql`, started as an ordinary user in a temporary folder.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from .conftest import PLUGINS
from .test_storage import free_port

pytestmark = pytest.mark.slow
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
TRIALS = 12


class Server:
    """A server with one data folder, which can be stopped and started again."""

    def __init__(self, binaries: Path, folder: Path):
        self.binaries, self.folder, self.port = binaries, folder, free_port()
        # The server refuses to run as root.
        self.user = None
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, self.user)
        self.call("initdb", "-D", "data", "-U", "tuner", "-A", "trust", "--no-sync")
        self.start()

    @property
    def url(self):
        return f"postgresql://tuner@127.0.0.1:{self.port}/postgres"

    def call(self, program, *words):
        subprocess.run(
            [self.binaries / program, *words], cwd=self.folder, user=self.user, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -F"
        self.call("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self):
        self.call("pg_ctl", "-D", "data", "-m", "immediate", "stop")


@pytest.fixture
def server():
    if not FOLDERS:
        pytest.skip("no PostgreSQL server: Debian's package 'postgresql'")
    folder = Path(tempfile.mkdtemp(prefix="tuning-"))
    found = Server(FOLDERS[-1], folder)
    yield found
    found.stop()
    shutil.rmtree(folder, ignore_errors=True)


def tune(server, folder, name, trials=TRIALS):
    words = [
        sys.executable, "-m", "fusemark.benchmark.cli", "tune", "--datasets", "toy", "--methods",
        "toy-unhurried", "--set", "training.epochs=5", "--workers", "1", "--trials", str(trials),
        "--storage", server.url, "--out", name,
        *(word for plugin in PLUGINS for word in ("--plugin", plugin)),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def study(folder, name):
    (row,) = json.loads((folder / name / "tune.json").read_text())["studies"]
    return row


def wait_for(process, text):
    said = ""
    for line in process.stderr:
        said += line
        if text in line:
            return
    raise AssertionError(f"ended without saying {text!r}: {said}")


def test_four_processes_one_killed_no_trial_lost_or_doubled(server, tmp_path):
    runs = {name: tune(server, tmp_path, name) for name in "abcd"}
    wait_for(runs["d"], "trial ")
    time.sleep(0.2)  # in the middle of its next trial
    runs["d"].send_signal(signal.SIGKILL)
    for name in "abc":
        _, said = runs[name].communicate(timeout=300)
        assert runs[name].returncode == 0, said
    runs["d"].communicate()

    found = study(tmp_path, "a")
    assert found["counts"]["trials"] == TRIALS
    assert found["counts"]["complete"] + found["counts"]["pruned"] == TRIALS
    assert found["counts"]["running"] == found["counts"]["fail"] == 0
    assert found["counts"]["given_back"] <= 1
    ended = [t for t in found["trials"] if t["state"] in ("complete", "pruned")]
    assert len({str(t["params"]) for t in ended}) == TRIALS
    assert sum(t["default"] for t in ended) == 1
    for name in "bc":
        assert study(tmp_path, name)["trials"] == found["trials"]
    # Asked again, there is nothing to do.
    again = tune(server, tmp_path, "a")
    _, said = again.communicate(timeout=120)
    assert (again.returncode, study(tmp_path, "a")["trials"]) == (0, found["trials"]), said


def test_server_down_in_mid_study_is_one_line_and_nothing_is_lost(server, tmp_path):
    run = tune(server, tmp_path, "a", 4)
    wait_for(run, "trial 2 of 4")
    server.stop()
    _, said = run.communicate(timeout=120)
    assert run.returncode == 2
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "the same command goes on" in line
    assert "Traceback" not in said

    server.start()
    run = tune(server, tmp_path, "a", 4)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0, said
    # Two had ended, perhaps a third while the server went down.
    assert "trial 4 of 4" in said
    assert "trial 2 of 4" not in said
    counts = study(tmp_path, "a")["counts"]
    assert counts["trials"] == counts["complete"] + counts["pruned"] == 4
