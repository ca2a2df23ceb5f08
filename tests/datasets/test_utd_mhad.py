"""UTD-MHAD: labels, values and splits, on the corpus itself and on files that the tests write."""

import re
import time

import numpy as np
import pytest
from fusemark.benchmark.contract import UserError
from fusemark.benchmark.contract.config import configure
from fusemark.benchmark.registry import datasets
from fusemark.datasets.utd_mhad import SEQUENCES, UTDMHAD
from scipy.io import savemat

NAMES = [f"a{a}_s{s}_t{t}" for a, s, t in SEQUENCES]
LEFT_HAND, RIGHT_HAND, LEFT_HIP, RIGHT_HIP = 7, 11, 12, 16
KNEES = [13, 17]


def build(root, **settings):
    return UTDMHAD(configure(UTDMHAD.Config, settings, "utd-mhad"), root)


def rng(seed=0):
    return np.random.default_rng(seed)


def touch_all(root):
    for kind in ("Inertial", "Skeleton"):
        (root / "utd_mhad" / kind).mkdir(parents=True)
        for name in NAMES:
            (root / "utd_mhad" / kind / f"{name}_{kind.lower()}.mat").touch()
    return root


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Return a data root in which all files stand by name; tests may fill some of them."""
    return touch_all(tmp_path_factory.mktemp("listed"))


@pytest.fixture
def own(tmp_path):
    """Return such a data root of the test's own, with nothing in any file."""
    return touch_all(tmp_path)


@pytest.fixture(scope="module")
def root(data_root):
    if not (data_root / "utd_mhad").is_dir():
        pytest.skip("no folder utd_mhad among the real corpora")
    return data_root


@pytest.fixture(scope="module")
def corpus(root):
    """Return the dataset without centring, and all its examples."""
    dataset = build(root, centre="none")
    return dataset, list(dataset.examples(np.arange(len(dataset))))


# By names alone


def test_is_registered():
    assert datasets["utd-mhad"].cls is UTDMHAD


def test_counts_of_the_paper(listed):
    dataset = build(listed)
    assert len(dataset) == len(set(dataset.ids)) == 861
    assert len(dataset.task.outputs) == len(set(dataset.task.outputs)) == 27
    assert np.bincount(dataset.labels).tolist() == [
        31 if action in (8, 23, 27) else 32 for action in range(1, 28)
    ]
    assert dataset.task.names == ("inertial", "skeleton")


def test_labels_and_speakers_come_from_the_names(listed):
    dataset = build(listed)
    for name, label, group in zip(dataset.ids, dataset.labels, dataset.groups, strict=True):
        action, subject = re.fullmatch(r"a(\d+)_s(\d)_t\d", name).groups()
        assert (int(action), f"subject-{subject}") == (label + 1, group)


def test_odd_even_split(listed):
    dataset = build(listed)
    assert (dataset.folds, dataset.design, dataset.leaks) == (1, "crossed", False)
    validating = set()
    for seed in range(20):
        split = dataset.split(rng(seed), 0)
        split.check(dataset)
        train, valid, test = subjects(dataset, split)
        assert test == {2, 4, 6, 8}
        assert train | valid == {1, 3, 5, 7}
        assert len(valid) == 1
        assert len(split.train) + len(split.valid) == 431
        assert len(split.test) == 430
        validating |= valid
    assert validating == {1, 3, 5, 7}


def test_leave_one_subject_out(listed):
    dataset = build(listed, protocol="loso")
    assert (dataset.folds, dataset.design) == (8, "crossed")
    tested = []
    for fold in range(dataset.folds):
        split = dataset.split(rng(fold), fold)
        split.check(dataset)
        train, valid, test = subjects(dataset, split)
        assert (len(train), len(valid), len(test)) == (6, 1, 1)
        assert train | valid | test == set(range(1, 9))
        tested += split.test.tolist()
    assert sorted(tested) == list(range(861))


def test_equal_seeds_draw_equal_parts(listed):
    dataset = build(listed)
    first, second = dataset.split(rng(3), 0), dataset.split(rng(3), 0)
    assert first.train.tolist() == second.train.tolist()


def subjects(dataset, split):
    return [{int(dataset.groups[i][-1]) for i in p} for p in (split.train, split.valid, split.test)]


# Values that the tests write


def write(listed, name, inertial, skeleton):
    folder = listed / "utd_mhad"
    savemat(folder / "Inertial" / f"{name}_inertial.mat", {"d_iner": inertial})
    savemat(folder / "Skeleton" / f"{name}_skeleton.mat", {"d_skel": skeleton})


def test_axes_and_centring_in_closed_form(listed):
    joint, axis, step = np.ogrid[:20, :3, :50]
    skeleton = 1000.0 * joint + 100 * axis + step
    inertial = np.arange(120.0 * 6).reshape(120, 6)
    write(listed, NAMES[5], inertial, skeleton)
    (plain,) = build(listed, centre="none").examples(np.array([5]))
    (centred,) = build(listed, centre="first").examples(np.array([5]))
    (moving,) = build(listed).examples(np.array([5]))
    assert np.array_equal(plain["inertial"], inertial)
    assert np.array_equal(centred["inertial"], inertial)
    assert plain["skeleton"].shape == (50, 60)
    assert plain["skeleton"].dtype == np.float32
    # Joint j, axis x, step t: 1000 j + 100 x + t; the hip centre is joint 3 of the first step.
    assert plain["skeleton"][7, 3 * 11 + 2] == 11_207
    assert centred["skeleton"][7, 3 * 11 + 2] == 11_207 - 3_200
    assert not centred["skeleton"][0, 9:12].any()
    # Every joint moves by one unit a step about its mean, step 24.5.
    assert np.array_equal(moving["skeleton"], np.tile(np.arange(50) - 24.5, (60, 1)).T)


def test_examples_come_in_the_order_asked_for(listed):
    for position, length in ((2, 110), (40, 130)):
        write(listed, NAMES[position], np.zeros((length, 6)), np.zeros((20, 3, 41)))
    read = build(listed).examples(np.array([40, 2, 40]))
    assert [len(e["inertial"]) for e in read] == [130, 110, 130]


# Mistakes


def test_no_data_root():
    with pytest.raises(UserError, match=r"'utd_mhad'.*--data-root DIR or FUSEMARK_DATA"):
        build(None)


def test_no_folder_in_the_data_root(tmp_path):
    with pytest.raises(UserError) as error:
        build(tmp_path)
    assert str(tmp_path / "utd_mhad") in str(error.value)
    assert "--data-root DIR or FUSEMARK_DATA" in str(error.value)
    assert "\n" not in str(error.value)


def test_incomplete_corpus_says_how_many_there_are(own):
    folder = own / "utd_mhad"
    (folder / "Inertial" / "a1_s1_t1_inertial.mat").unlink()
    for kind in ("Inertial", "Skeleton"):  # one sequence, both of its files
        (folder / kind / f"a2_s1_t1_{kind.lower()}.mat").unlink()
    (folder / "Skeleton" / "a27_s8_t4_skeleton.mat").touch()  # not a published sequence
    with pytest.raises(UserError, match=r"859 of the 861 sequences.*a1_s1_t1_inertial\.mat"):
        build(own)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b""), "truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "cannot be read"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "mat"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: savemat(path, {"other": np.zeros((9, 6))}), "no variable d_iner"),
        (lambda path: savemat(path, {"d_iner": np.zeros((9, 5))}), r"\(9, 5\)"),
        (lambda path: savemat(path, {"d_iner": np.zeros((0, 6))}), r"\(0, 6\)"),
        (lambda path: savemat(path, {"d_iner": np.full((9, 6), np.nan)}), "not finite"),
    ],
)
def test_damaged_file_is_named(listed, damage, reason):
    write(listed, NAMES[0], np.zeros((9, 6)), np.zeros((20, 3, 9)))
    dataset = build(listed)
    damage(listed / "utd_mhad" / "Inertial" / f"{NAMES[0]}_inertial.mat")
    with pytest.raises(UserError, match=reason) as error:
        list(dataset.examples(np.array([0])))
    assert "utd_mhad/Inertial/a1_s1_t1_inertial.mat" in str(error.value)
    assert str(listed) not in str(error.value)
    assert "unpack it again" in str(error.value)
    assert "\n" not in str(error.value)


def test_fingerprint_follows_the_content(own):
    before = build(own).fingerprint()
    assert build(own, protocol="loso").fingerprint() == before
    assert build(own, centre="none").fingerprint() != before
    (own / "utd_mhad" / "Skeleton" / "a9_s2_t3_skeleton.mat").write_bytes(b"x")
    assert build(own).fingerprint() != before
    (own / "utd_mhad" / "Skeleton" / "a9_s2_t3_skeleton.mat").unlink()
    with pytest.raises(UserError, match=r"a1_s1_t1|a9_s2_t3"):
        build(own)


# The corpus itself


def test_lengths_of_the_corpus(corpus):
    dataset, examples = corpus
    for name, shortest, longest in (("inertial", 107, 326), ("skeleton", 41, 125)):
        lengths = [len(example[name]) for example in examples]
        assert (min(lengths), max(lengths)) == (shortest, longest)
        assert dataset.task.modalities[name].max_length == longest


def test_hip_centre_is_the_joint_between_the_hips(corpus):
    joints = np.array([example["skeleton"][0].reshape(20, 3) for example in corpus[1]])
    middle = (joints[:, LEFT_HIP] + joints[:, RIGHT_HIP]) / 2
    distance = np.linalg.norm(joints - middle[:, None], axis=2).mean(0)
    distance[[LEFT_HIP, RIGHT_HIP]] = np.inf
    assert distance.argmin() == 3
    assert distance[3] < 0.1  # metres


def test_names_of_actions_fit_what_the_body_does(corpus):
    dataset, examples = corpus
    actions = np.array(dataset.task.outputs)[dataset.labels]
    joints = [example["skeleton"].reshape(-1, 20, 3) for example in examples]

    def measure(action, function):
        return np.array([function(j) for j, a in zip(joints, actions, strict=True) if a == action])

    def rise(j):
        return j[-1, 3, 1] - j[0, 3, 1]

    def knees(j):
        return np.ptp(j[:, KNEES], axis=0).max()

    def area(j):  # signed, of the right hand's path in the frontal plane; x grows to the right
        x, y = (j[:, RIGHT_HAND] - j[:, 3])[:, :2].T
        return (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2

    def left_hand(j):
        return np.ptp(j[:, LEFT_HAND], axis=0).max()

    assert measure("sit to stand", rise).min() > 0.2
    assert measure("stand to sit", rise).max() < -0.2
    assert np.abs(measure("squat", rise)).max() < 0.05
    assert measure("draw circle clockwise", area).max() < 0
    assert measure("draw circle counter-clockwise", area).min() > 0
    for action in ("jog", "walk", "lunge", "squat"):
        assert np.median(measure(action, knees)) > 5 * np.median(measure("wave", knees))
    for one, both in (("wave", "clap"), ("throw", "basketball shoot"), ("knock", "push")):
        assert np.median(measure(both, left_hand)) > 5 * np.median(measure(one, left_hand))


def test_floors_of_a_logistic_regression(corpus):
    """Known floors on the odd/even split: .686, .772 and, of both, .814.

    They stand for 24 resampled steps of the skeleton with every step's own hip centre subtracted.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset, examples = corpus
    joints = [example["skeleton"].reshape(-1, 20, 3) for example in examples]
    skeleton = np.array([resampled((j - j[:, 3:4]).reshape(-1, 60), 24) for j in joints])
    inertial = np.array([resampled(example["inertial"], 24) for example in examples])
    split = dataset.split(rng(), 0)
    train = np.concatenate([split.train, split.valid])
    floors = []
    for values in (inertial, skeleton, np.hstack([inertial, skeleton])):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        model.fit(values[train], dataset.labels[train])
        floors.append(model.score(values[split.test], dataset.labels[split.test]))
    assert floors == pytest.approx([0.686, 0.772, 0.814], abs=0.02)


def resampled(values, steps):
    """Return (steps * D,) numbers, by linear interpolation between the first and last step."""
    at = np.linspace(0, len(values) - 1, steps)
    before = np.minimum(at.astype(int), len(values) - 2)
    share = (at - before)[:, None]
    return ((1 - share) * values[before] + share * values[before + 1]).ravel()


def test_building_and_hashing_are_fast(root):
    start = time.process_time()
    dataset = build(root)
    built = time.process_time()
    dataset.fingerprint()
    assert built - start < 1  # reads no file
    assert time.process_time() - built < 3  # reads 23 MB
