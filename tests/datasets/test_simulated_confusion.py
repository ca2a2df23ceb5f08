"""The human confusion matrices of CREMA-D against the corpus's own file."""

import numpy as np
import pandas as pd
import pytest
from fusemark.datasets.simulation.confusion import CLIPS, FACE_VOTES, VOICE_VOTES

CODES = ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"]


def test_votes_and_prior_are_those_of_the_corpus(data_root):
    file = data_root / "cremad" / "processedResults" / "tabulatedVotes.csv"
    if not file.is_file():
        pytest.skip("no cremad/processedResults/tabulatedVotes.csv under the data root")
    votes = pd.read_csv(file, index_col=0)
    intended = votes["fileName"].str.split("_").str[2]
    for kind, counted in ((1, VOICE_VOTES), (2, FACE_VOTES)):
        mine = votes.index // 100_000 == kind
        table = votes[mine].groupby(intended[mine])[["A", "D", "F", "H", "N", "S"]].sum()
        np.testing.assert_array_equal(table.loc[CODES].to_numpy(), counted)
        np.testing.assert_array_equal(intended[mine].value_counts()[CODES].to_numpy(), CLIPS)


def test_mean_vote_accuracies_are_those_published_with_the_corpus():
    # Recognition of the intended emotion over all votes of a kind: 40.0 and 57.4 %.
    assert np.trace(VOICE_VOTES) / VOICE_VOTES.sum() == pytest.approx(0.400, abs=5e-4)
    assert np.trace(FACE_VOTES) / FACE_VOTES.sum() == pytest.approx(0.574, abs=5e-4)
