"""How large a page gets: 20 methods x 20 seeds x 5 datasets, costs beside them."""

import pytest
from fusemark.reports import write

from .cost_stores import write_costs
from .stores import Spec, write_store

METHODS = {f"method-{i}": 0.5 + i / 8 for i in range(19)} | {"late-concat": 1.0}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One store of 2,000 trainings, and its pages."""
    path = tmp_path_factory.mktemp("size")
    datasets = tuple(f"data-{i}" for i in range(5))
    spec = Spec(methods=METHODS, datasets=datasets, seeds=tuple(range(20)), epochs=60)
    write_store(path, spec)
    write_costs(path, list(METHODS))
    return {p.name: p for p in write(path, ("html", "md", "latex", "csv"))}


@pytest.mark.slow
def test_the_page_is_under_five_megabytes(pages):
    assert pages["report.html"].stat().st_size < 5e6


@pytest.mark.slow
def test_the_matrix_of_a_dataset_holds_every_ordered_pair(pages):
    text = pages["report.html"].read_text(encoding="utf-8")
    assert text.count("data-sentence=") == 5 * len(METHODS) * (len(METHODS) - 1)


@pytest.mark.slow
def test_markdown_is_rendered_by_github(pages):
    """GitHub shows no Markdown of more than 512,000 characters."""
    assert len(pages["report.md"].read_text(encoding="utf-8")) < 512_000
