"""The dataset ``simulated``: ceilings, oracles, what the values show, streams, splits, mistakes."""

import dataclasses
import time
from itertools import chain, combinations

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.simulated import TASKS, Simulated
from fusemark.datasets.simulation.rendering import Renderer
from scipy.stats import binom, chisquare
from sklearn.linear_model import LogisticRegression

BOTH = ("audio", "visual")
SUBSETS = list(chain.from_iterable(combinations(BOTH, n) for n in (0, 1, 2)))


def simulated(task, **settings):
    return Simulated(Simulated.Config(task=task, **settings))


def ceilings(dataset):
    return [dataset.ceiling(m) for m in (("audio",), ("visual",), BOTH)]


@pytest.mark.parametrize("k", [2, 3, 4, 7])
def test_ceilings_are_the_closed_forms(k):
    few = {"symbols": k}
    assert ceilings(simulated("redundant", **few)) == pytest.approx([1, 1, 1])
    assert ceilings(simulated("unique", **few)) == pytest.approx([1, 1 / k, 1])
    assert ceilings(simulated("unique", informative="visual", **few)) == pytest.approx(
        [1 / k, 1, 1]
    )
    assert ceilings(simulated("synergy", **few)) == pytest.approx([1 / k, 1 / k, 1])
    assert ceilings(simulated("lag", shortest=4.0, **few)) == pytest.approx([1 / k, 1 / k, 1])
    assert ceilings(simulated("long", **few)) == pytest.approx([1 / k**2, 1 / k, 1])


def test_cremad_like_has_the_bayes_accuracies_of_one_voice_vote_one_face_vote_and_both():
    assert [round(c, 3) for c in ceilings(simulated("cremad-like"))] == [0.398, 0.574, 0.620]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_oracle_lies_within_the_binomial_interval_of_the_closed_form(task, noise):
    dataset = simulated(task, clips=4000, label_noise=noise)
    positions = np.random.default_rng(0).permutation(4000)
    for modalities in SUBSETS:
        right = (dataset.oracle(positions, modalities) == dataset.labels[positions]).sum()
        low, high = binom.interval(0.999, 4000, dataset.ceiling(modalities))
        assert low <= right <= high


@pytest.mark.parametrize("task", TASKS)
def test_label_noise_enters_the_ceiling_as_in_the_table_of_the_noisy_labels(task):
    clean, noisy = simulated(task), simulated(task, label_noise=0.3)
    classes = len(clean.task.outputs)
    flips = 0.7 * np.eye(classes) + 0.3 / classes
    table = np.einsum("zy,yav->zav", flips, clean.simulated.channel.joint)
    for modalities in SUBSETS:
        hidden = tuple(i + 1 for i, m in enumerate(BOTH) if m not in modalities)
        assert noisy.ceiling(modalities) == pytest.approx(table.sum(hidden).max(0).sum())
    changed = (clean.labels != noisy.labels).sum()
    low, high = binom.interval(0.999, len(clean), 0.3 * (1 - 1 / classes))
    assert low <= changed <= high


@pytest.mark.parametrize("task", TASKS)
def test_symbols_follow_the_joint_table(task):
    dataset = simulated(task, clips=20000)
    joint = dataset.simulated.channel.joint
    symbols = dataset.simulated.clips.symbols
    cells = np.ravel_multi_index((dataset.labels, symbols["audio"], symbols["visual"]), joint.shape)
    seen, possible = np.bincount(cells, minlength=joint.size), joint.ravel() > 0
    assert seen[~possible].sum() == 0
    assert chisquare(seen[possible], 20000 * joint.ravel()[possible]).pvalue > 0.001


@pytest.mark.parametrize("task", ["synergy", "lag"])
def test_one_modality_alone_says_nothing_of_the_label(task):
    joint = simulated(task).simulated.channel.joint
    for other in (1, 2):
        table = joint.sum(axis=other)
        np.testing.assert_allclose(table, np.full_like(table, 1 / table.size))


def test_no_sum_of_one_term_a_modality_does_better_than_chance_on_synergy():
    joint = simulated("synergy", symbols=3).simulated.channel.joint
    label, audio, visual = np.nonzero(joint)
    additive = np.hstack([np.eye(3)[audio], np.eye(3)[visual]])
    fitted = LogisticRegression(C=1e6).fit(additive, label)
    np.testing.assert_allclose(fitted.predict_proba(additive), 1 / 3, atol=1e-4)


def test_lag_is_the_distance_of_the_events_in_the_values():
    k, window = 3, 3.0
    dataset = simulated("lag", noise=0.0, speaker_offset=0.0, symbols=k, shortest=window)
    for position, example in zip(range(60), dataset.examples(np.arange(60)), strict=True):
        onset = {m: (np.abs(v).sum(1) > 1).argmax() / dataset.task.modalities[m].rate
                 for m, v in example.items()}  # fmt: skip
        after = (onset["audio"] - onset["visual"]) % window
        assert after == pytest.approx(dataset.labels[position] * window / k, abs=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_the_symbols_can_be_read_in_the_values(task):
    """A matched filter for each symbol, which knows the pattern and nothing of speaker or noise."""
    dataset = simulated(task, clips=200, speakers=20)
    shown = dataset.simulated
    count = {m: shown.channel.joint.shape[1 + i] for i, m in enumerate(BOTH)}
    renderer, right = Renderer(shown), {m: [] for m in BOTH}
    for position, example in zip(range(200), dataset.examples(np.arange(200)), strict=True):
        for modality in BOTH:
            scores = []
            for symbol in range(count[modality]):
                pattern = pretend(shown, modality, position, symbol, renderer)
                scores.append(np.square(centred(example[modality]) - centred(pattern)).sum())
            right[modality].append(np.argmin(scores) == shown.clips.symbols[modality][position])
    assert all(np.mean(r) >= 0.99 for r in right.values())


def pretend(task, modality, position, symbol, renderer):
    """Pattern of a clip had it shown another symbol at the same places; slots move in ``lag``."""
    clips = task.clips
    symbols = {
        m: np.where(np.arange(len(s)) == position, symbol, s) for m, s in clips.symbols.items()
    }
    events = task.events(symbols, clips.lengths) if task.name == "lag" else clips.events
    other = type(task)(task.settings, "test")
    other.__dict__["clips"] = dataclasses.replace(clips, symbols=symbols, events=events)
    contours, which = other.shapes(modality, position)
    return task.gain[modality] * contours.T @ renderer.directions[modality][which]


def centred(values):
    return values - values.mean(0)


@pytest.mark.parametrize("task", TASKS)
def test_any_clip_can_be_drawn_alone_and_in_any_order(task):
    dataset, again = simulated(task, clips=100), simulated(task, clips=100)
    some = np.array([7, 93, 0, 7])
    forwards, backwards = list(dataset.examples(some)), list(again.examples(some[::-1]))[::-1]
    alone = next(iter(again.examples(np.array([93]))))
    for modality in BOTH:
        for first, second in zip(forwards, backwards, strict=True):
            np.testing.assert_array_equal(first[modality], second[modality])
        np.testing.assert_array_equal(forwards[1][modality], alone[modality])
        assert not np.array_equal(forwards[0][modality], forwards[1][modality])


@pytest.mark.parametrize("task", TASKS)
def test_a_larger_corpus_begins_with_the_smaller_one(task):
    small, large = simulated(task, clips=100, speakers=91), simulated(task, clips=300, speakers=91)
    np.testing.assert_array_equal(small.labels, large.labels[:100])
    first, second = (next(iter(d.examples(np.array([99])))) for d in (small, large))
    np.testing.assert_array_equal(first["visual"], second["visual"])


def test_seeds_draw_other_clips():
    one, two = simulated("synergy", seed=1), simulated("synergy", seed=2)
    assert not np.array_equal(one.labels, two.labels)
    first, second = (next(iter(d.examples(np.array([0])))) for d in (one, two))
    length = min(len(first["audio"]), len(second["audio"]))
    assert not np.allclose(first["audio"][:length], second["audio"][:length])


def test_noise_and_offset_have_the_deviations_asked_for():
    dataset = simulated("synergy", noise=2.0, speaker_offset=0.7, audio_width=400)
    offsets = Renderer(dataset.simulated).offsets["audio"]
    assert offsets.std() == pytest.approx(0.7, rel=0.03)
    settings = {"seed": 0, "audio_width": 400, "speaker_offset": 0.7}
    silent = simulated("synergy", noise=0.0, **settings)
    pairs = zip(dataset.examples(np.arange(50)), silent.examples(np.arange(50)), strict=True)
    noise = np.concatenate([noisy["audio"] - clean["audio"] for noisy, clean in pairs])
    assert noise.std() == pytest.approx(2.0, rel=0.02)
    assert noise.mean() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("task", TASKS)
def test_examples_fit_the_task(task):
    dataset = simulated(task, clips=60, speakers=20)
    for example in dataset.examples(np.arange(60)):
        for name, modality in dataset.task.modalities.items():
            values = example[name]
            assert values.dtype == np.float32
            assert values.shape[1:] == modality.shape
            assert 1 <= len(values) <= modality.max_length
    lengths = dataset.simulated.clips.lengths
    assert len(np.unique(lengths["visual"])) > 1
    assert not np.array_equal(lengths["audio"], lengths["visual"])


def test_cremad_like_has_the_shape_of_the_corpus():
    dataset = simulated("cremad-like")
    audio, visual = (dataset.task.modalities[m] for m in BOTH)
    assert (audio.shape, audio.rate, audio.max_length) == ((130,), 62.5, 312)
    assert (visual.shape, visual.rate, visual.max_length) == ((512,), 30.0, 150)
    assert (len(dataset), len(set(dataset.groups))) == (7442, 91)
    assert len(set(dataset.simulated.clips.sentences)) == 12
    seconds = dataset.simulated.clips.lengths["audio"] / 62.5
    assert seconds.min() >= 1.3 - 1 / 62.5
    assert 2.4 <= seconds.mean() <= 2.8
    counts = np.bincount(dataset.labels)
    assert chisquare(counts, np.array([1271] * 4 + [1087, 1271])).pvalue > 0.001


def test_speaking_twice_as_fast_halves_the_durations():
    wide = {"shortest": 0.5, "longest": 60.0}
    slow, fast = (simulated("synergy", speaking_rate=r, **wide) for r in (1.0, 2.0))
    for modality in BOTH:
        ratio = slow.simulated.clips.lengths[modality] / fast.simulated.clips.lengths[modality]
        np.testing.assert_allclose(ratio, 2.0, rtol=0.05)


@pytest.mark.parametrize(
    ("task", "sizes"), [("cremad-like", (63, 14, 14)), ("synergy", (22, 4, 4))]
)
def test_splits_are_disjoint_in_speakers_and_cover_all(task, sizes):
    dataset = simulated(task)
    split = dataset.split(np.random.default_rng(5), 0)
    split.check(dataset)
    groups = np.array(dataset.groups)
    speakers = [set(groups[part]) for part in (split.train, split.valid, split.test)]
    assert tuple(map(len, speakers)) == sizes
    assert len(set.union(*speakers)) == sum(sizes)
    assert len(split.train) + len(split.valid) + len(split.test) == len(dataset)
    again, other = (dataset.split(np.random.default_rng(s), 0) for s in (5, 6))
    np.testing.assert_array_equal(split.test, again.test)
    assert set(groups[other.test]) != speakers[2]


def test_fingerprint_is_equal_exactly_for_equal_settings():
    default = simulated("synergy").fingerprint()
    assert default == simulated("synergy", clips=480, noise=1.0, symbols=3).fingerprint()
    others = [
        simulated("redundant"),
        *(simulated("synergy", **s) for s in (
            {"seed": 1}, {"clips": 481}, {"speakers": 31}, {"symbols": 4}, {"audio_width": 13},
            {"noise": 1.1}, {"label_noise": 0.1}, {"longest": 2.1}, {"rate_spread": 0.3},
        )),
    ]  # fmt: skip
    assert len({default, *(d.fingerprint() for d in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        ("synergie", {}, ["'synergie'", "did you mean 'synergy'"]),
        ("synergy", {"clips": 20}, ["clips=20", "30 speakers"]),
        ("synergy", {"speakers": 2}, ["speakers=2", "3 or more"]),
        ("synergy", {"noise": -1.0}, ["noise=-1.0", "0 or more"]),
        ("synergy", {"noise": float("nan")}, ["noise=nan"]),
        ("synergy", {"label_noise": 1.0}, ["label_noise=1.0", "less than 1"]),
        ("synergy", {"label_noise": -0.1}, ["label_noise=-0.1"]),
        ("synergy", {"symbols": 1}, ["symbols=1", "2 to"]),
        ("synergy", {"audio_width": 2}, ["audio_width=2", "3 or more"]),
        ("synergy", {"shortest": 3.0}, ["longest=2.0", "3.0 seconds or more"]),
        ("synergy", {"shortest": 0.01}, ["shortest=0.01", "one visual step"]),
        ("synergy", {"longest": 1e4}, ["longest=10000.0", "8,192 audio steps"]),
        ("synergy", {"seed": -1}, ["seed=-1"]),
        ("synergy", {"length": 64}, ["no setting 'length'", "it has: "]),
        ("cremad-like", {"symbols": 4}, ["no setting 'symbols'"]),
        ("unique", {"informative": "text"}, ["informative='text'", "audio or visual"]),
        ("lag", {"symbols": 12}, ["shortest=3.0", "48 slots"]),
        ("long", {"length": 8193}, ["length=8193", "8,192"]),
        ("long", {"length": 64, "event": 7}, ["event=7", "1 to 6"]),
        ("long", {"symbols": 9}, ["symbols=9", "512 classes"]),
    ],
)
def test_mistakes_are_one_line_that_names_the_value(task, settings, words):
    with pytest.raises(UserError) as caught:
        simulated(task, **settings)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.slow
def test_the_whole_of_cremad_like_streams_in_under_half_a_minute_of_one_core():
    dataset = simulated("cremad-like")
    began = time.process_time()
    assert sum(1 for _ in dataset.examples(np.arange(len(dataset)))) == 7442
    assert time.process_time() - began < 30


@pytest.mark.parametrize(("clips", "epochs"), [(7442, 6), (2000, 23), (480, 60)])
def test_fewer_clips_are_trained_on_for_as_many_steps(clips, epochs):
    assert simulated("cremad-like", clips=clips).training["epochs"] == epochs
    assert simulated("synergy").training == {}
