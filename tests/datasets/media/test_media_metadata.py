"""What CREMA-D's tables lack is said, and costs no clip."""

import shutil

import pytest
from fusemark.datasets.cremad_metadata.names import CLASSES
from fusemark.datasets.cremad_metadata.tables import read_votes
from fusemark.datasets.media.cremad_tables import read_metadata
from fusemark.datasets.media.prepare import Request, prepare

from .asked import SOUND

VOTES = "processedResults/tabulatedVotes.csv"


@pytest.fixture
def copied(little_cremad, tmp_path):
    return shutil.copytree(little_cremad, tmp_path / "CREMA-D")


def without(path, *said):
    """Take the lines out of a table that hold one of some words."""
    kept = [line for line in path.read_text().splitlines() if not any(w in line for w in said)]
    path.write_text("\n".join(kept) + "\n")


def test_the_perceived_emotions_are_those_of_the_votes(data_root):
    votes = read_votes(data_root / "cremad", "test")
    most = zip(votes.clips, votes.perceived(), strict=True)
    found = read_metadata(data_root / "cremad")
    assert found.perceived == {name: CLASSES[label] for name, label in most if label >= 0}
    assert len(found.sexes) == 91
    assert not found.notes
    assert not any(found.lacking(clip, clip[:4]) for clip in votes.clips)


def test_missing_rows_are_flagged(copied, tmp_path):
    names = sorted(p.stem for p in (copied / "VideoFlash").iterdir())
    table = copied / VOTES
    without(table, f'"100001",9,0,0,0,1,0,"{names[1]}"', names[2])
    table.write_text(table.read_text().replace('8,0,0,0,2,0,"1003', 'x,0,0,0,2,0,"1003'))
    without(copied / "VideoDemographics.csv", "1004")
    store, quality = prepare(Request("cremad", copied, tmp_path / "s", SOUND))
    assert store.columns["flags"] == [
        "", "no votes of voice", "no votes of voice and face and both", "",
        "no votes of voice and face and both", "",
        "unknown sex of the actor", "unknown sex of the actor",
    ]  # fmt: skip
    # The first is a tie, the second was taken for anger by those who saw and heard it.
    assert store.columns["perceived"] == [
        "", "anger", "", "neutral", "", "neutral", "anger", "neutral",
    ]  # fmt: skip
    assert store.columns["sex"] == ["F", "F", "M", "M", "F", "F", "", ""]
    report = (tmp_path / "s" / "report.md").read_text()
    assert "## Unknown sex of the actor (2)" in report
    assert f"## No votes of voice (1)\n\n{names[1]}" in report
    assert not quality.bad
    # A mended table is read when the command is given again, and nothing computed.
    (copied / "VideoDemographics.csv").write_text("ActorID,Sex\n1004,M\n")
    store, _ = prepare(Request("cremad", copied, tmp_path / "s", SOUND))
    assert store.columns["sex"][-1] == "M"


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_missing_tables_are_noted(copied, tmp_path, how):
    for table in (copied / VOTES, copied / "VideoDemographics.csv"):
        if how == "missing":
            table.unlink()
        else:
            table.write_text("a,b\n1,2\n")
    store, quality = prepare(Request("cremad", copied, tmp_path / "s", SOUND))
    assert store.columns["flags"] == [""] * 8
    said = " ".join(quality.corpus.notes)
    assert "no draw of actors can be balanced by sex" in said
    assert "the protocol `perceived` has no labels" in said
    report = (tmp_path / "s" / "report.md").read_text()
    assert "no draw of actors can be balanced by sex" in report
