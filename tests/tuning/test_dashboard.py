"""Optuna's own dashboard opens a storage of ours: every study with all of its trials."""

import io
import json

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend

wsgi = pytest.importorskip("optuna_dashboard").wsgi


def ask(app, path):
    """Return what the dashboard's server answers to a GET."""
    asked = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "here",
        "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }  # fmt: skip
    status = []
    body = b"".join(app(asked, lambda said, *_: status.append(said)))
    assert status == ["200 OK"]
    return body


def as_the_dashboard_does(url):
    """Open a storage with nothing of ours."""
    kind, path = url.split(":///")
    if kind == "journal":
        return optuna.storages.JournalStorage(JournalFileBackend(path))
    return optuna.storages.RDBStorage(url)


@pytest.mark.parametrize("start", ["sqlite", "journal"])
def test_the_dashboard_shows_every_trial(start, tmp_path, specs, step):
    found = specs("toy-linear,toy-costed", url=f"{start}:///{tmp_path}/kept", trials=3)
    for spec in found:
        for _ in range(3):
            step(spec)
    app = wsgi(as_the_dashboard_does(found[0].url))
    assert b"<!DOCTYPE html>" in ask(app, "/dashboard")
    studies = json.loads(ask(app, "/api/studies"))["study_summaries"]
    assert {study["study_name"] for study in studies} == {spec.name for spec in found}
    for study in studies:
        (spec,) = [spec for spec in found if spec.name == study["study_name"]]
        shown = json.loads(ask(app, f"/api/studies/{study['study_id']}"))
        assert [trial["state"] for trial in shown["trials"]] == ["Complete"] * 3
        for trial in shown["trials"]:
            assert {one["name"] for one in trial["params"]} == {p.path for p in spec.parameters}
