"""CREMA-D's votes and protocols, against the corpus's own figures."""

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.contract.config import configure
from fusemark.datasets.cremad_metadata.names import CLASSES
from fusemark.datasets.cremad_metadata.protocols import draw_actors
from fusemark.datasets.cremad_metadata.tables import read_sexes, read_votes
from fusemark.datasets.cremad_ratings import CremadRatings


@pytest.fixture(scope="module")
def corpus(data_root):
    if not (data_root / "cremad").is_dir():
        pytest.skip("no folder cremad under the data root")
    return data_root / "cremad"


@pytest.fixture(scope="module")
def ratings(corpus):
    """Give a dataset by its settings, each made once."""
    made = {}

    def make(**settings):
        key = str(settings)
        if key not in made:
            config = configure(CremadRatings.Config, settings, "cremad-ratings")
            made[key] = CremadRatings(config, corpus.parent)
        return made[key]

    return make


def test_the_corpuss_own_accuracies(corpus, ratings):
    votes, labels = read_votes(corpus, "t"), ratings().labels
    found = [round(votes.accuracy(shown, labels), 3) for shown in ("audio", "visual", "both")]
    assert found == [0.400, 0.574, 0.631]
    assert [len(getattr(votes, s)) for s in ("audio", "visual", "both")] == [7442] * 3


def test_clips_actors_and_classes(ratings):
    data = ratings()
    assert len(data) == 7442
    assert len(set(data.groups)) == 91
    assert np.bincount(data.labels).tolist() == [1271, 1271, 1271, 1271, 1087, 1271]
    assert data.task.outputs == CLASSES


def test_perceived_labels_equal_the_corpuss_summary(corpus, ratings):
    """summaryTable.csv names the majority of each clip, and ties as `A:D`."""
    import pandas as pd

    table = pd.read_csv(corpus / "processedResults" / "summaryTable.csv", keep_default_na=False)
    expected = {
        row.FileName: "ADFHNS".index(row.MultiModalVote)
        for row in table.itertuples()
        if ":" not in row.MultiModalVote
    }
    data = ratings(protocol="perceived")
    assert dict(zip(data.ids, data.labels.tolist(), strict=True)) == expected
    assert len(data) == 7022


def parts(data, seed):
    split = data.split(np.random.default_rng(seed), 0)
    split.check(data)
    return [{data.groups[i] for i in part} for part in (split.train, split.valid, split.test)]


def test_actors_are_disjoint_and_balanced_by_sex(corpus, ratings):
    sexes = read_sexes(corpus, "t")
    assert sorted(sexes.values()).count("Female") == 43
    for seed in range(5):
        train, valid, test = parts(ratings(), seed)
        assert not train & valid
        assert not (train | valid) & test
        assert [len(part) for part in (train, valid, test)] == [63, 14, 14]
        for part in (valid, test):
            assert sorted(sexes[actor] for actor in part) == ["Female"] * 7 + ["Male"] * 7
        assert parts(ratings(protocol="perceived"), seed) == [train, valid, test]
    assert parts(ratings(), 0)[2] != parts(ratings(), 1)[2]


def test_ogm_leaks_and_says_so(ratings):
    data = ratings(protocol="ogm")
    split = data.split(np.random.default_rng(0), 0)
    assert (len(split.train) + len(split.valid), len(split.test)) == (6698, 744)
    assert data.leaks
    assert not ratings().leaks
    assert data.training == {"refit": True}
    assert set.intersection(*parts(data, 0))


@pytest.mark.parametrize("tokens", ["emotion", "vote"])
def test_tokens_hold_the_votes(corpus, ratings, tokens):
    votes, data = read_votes(corpus, "t"), ratings(tokens=tokens)
    chosen = np.array([0, 1, 4000, 7441])
    for i, example in zip(chosen, data.examples(chosen), strict=True):
        for name, known in (("audio", votes.audio), ("visual", votes.visual)):
            steps = example[name]
            assert steps.shape[1:] == data.task.modalities[name].shape
            if tokens == "vote":
                np.testing.assert_array_equal(steps.sum(0), known[i])
                assert len(steps) == known[i].sum() <= data.task.modalities[name].max_length
            else:
                np.testing.assert_array_equal(steps[:, :6], np.eye(6))
                np.testing.assert_allclose(steps[:, 6], known[i] / known[i].sum(), rtol=1e-6)


def test_fingerprints_differ_by_what_differs(ratings):
    kinds = [{}, {"protocol": "perceived"}, {"protocol": "ogm"}, {"tokens": "vote"}]
    assert len({ratings(**kind).fingerprint() for kind in kinds}) == 4


def test_few_actors():
    sexes = {"a": "Male", "b": "Male", "c": "Female", "d": "Female"}
    valid, test = draw_actors(np.random.default_rng(0), sexes)
    assert (len(valid), len(test)) == (1, 1)
    assert valid != test


def write(root, votes=None, actors="ActorID,Sex\n1001,Male\n"):
    folder = root / "CREMA-D"
    (folder / "processedResults").mkdir(parents=True)
    (folder / "VideoDemographics.csv").write_text(actors)
    if votes is not None:
        (folder / "processedResults" / "tabulatedVotes.csv").write_text(votes)


HEADER = '"","A","D","F","H","N","S","fileName"\n'
GOOD = "".join(f'"{k}00001",1,0,0,0,9,0,"1001_IEO_NEU_XX"\n' for k in "123")


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        (None, "no tabulatedVotes.csv in"),
        ("", "cannot be read"),
        ("a,b\n1,2\n", "cannot be read"),
        (HEADER + GOOD.replace("9", "many", 1), "is damaged"),
        (HEADER + GOOD[: GOOD.rindex('"300001"')], "lacks votes of voice, face or both"),
        (HEADER + GOOD.replace("NEU", "JOY"), "names '1001_IEO_JOY_XX', no clip of CREMA-D"),
    ],
)
def test_damaged_tables_are_one_line(tmp_path, votes, said):
    write(tmp_path, votes)
    with pytest.raises(UserError, match=said) as error:
        CremadRatings(CremadRatings.Config(), tmp_path)
    assert "\n" not in str(error.value)


def test_no_folder(tmp_path):
    for root, said in ((None, "no data root"), (tmp_path, "no folder")):
        with pytest.raises(UserError, match=said):
            CremadRatings(CremadRatings.Config(), root)
