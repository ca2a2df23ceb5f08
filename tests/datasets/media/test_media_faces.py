"""Detection, tracking and crops: against closed forms, and on a real face."""

import numpy as np
import pytest
import torch
from fusemark.datasets.media.crops import crop, interpolated, scaled
from fusemark.datasets.media.detection import Detector, squared
from fusemark.datasets.media.facenet import suppressed
from fusemark.datasets.media.tracking import Tracker, overlap


class Staged:
    """A detector that knows where the faces are: ``places[t]`` lists boxes of picture t.

    Pictures are constant, of their own number.
    """

    def __init__(self, places):
        self.places, self.asked = places, []

    def detect(self, pictures):
        numbers = pictures[:, 0, 0, 0].astype(int)
        self.asked += numbers.tolist()
        return [np.array([[*b, 1.0] for b in self.places[t]]).reshape(-1, 5) for t in numbers]

    def refine(self, pictures, boxes):
        found, probability = [], []
        for picture, box in zip(pictures, boxes, strict=True):
            known = np.array(self.places[int(picture[0, 0, 0])]).reshape(-1, 4)
            shared = overlap(known, np.broadcast_to(box, known.shape))
            hit = len(known) and shared.max() > 0.4
            found.append(known[shared.argmax()] if hit else box)
            probability.append(1.0 if hit else 0.0)
        return np.array(found), np.array(probability)


def stream(count):
    return (np.full((100, 200, 3), t, np.uint8) for t in range(count))


def boxes_of(tracker, count):
    return np.concatenate([boxes for _, boxes in tracker(stream(count))])


def moving(t, speed=1.0, size=30):
    return (10 + speed * t, 20.0, 10 + speed * t + size, 20.0 + size)


def test_a_moving_face_is_followed_with_few_detections():
    staged = Staged([[moving(t)] for t in range(100)])
    tracker = Tracker(staged, stride=16)
    found = boxes_of(tracker, 100)
    np.testing.assert_allclose(found, [moving(t) for t in range(100)])
    # The first picture, and the last one of each block of sixteen.
    assert sorted(staged.asked) == [0, 15, 31, 47, 63, 79, 95, 99]


def test_a_face_that_comes_and_goes():
    there = [t for t in range(60) if not 20 <= t < 37]
    staged = Staged([[moving(t)] if t in there else [] for t in range(60)])
    found = boxes_of(Tracker(staged, stride=8), 60)
    assert np.flatnonzero(~np.isnan(found[:, 0])).tolist() == there
    np.testing.assert_allclose(found[there], [moving(t) for t in there])


def test_largest_or_most_central_and_then_the_same():
    left, middle = (0, 0, 60, 60), (85, 35, 115, 65)
    staged = Staged([[left, middle]] * 40)
    assert (boxes_of(Tracker(staged, "largest"), 40) == left).all()
    assert (boxes_of(Tracker(staged, "central"), 40) == middle).all()
    # A larger face that enters later does not take over.
    staged = Staged([[middle, (0, 0, 80, 80)] if t > 10 else [middle] for t in range(40)])
    assert (boxes_of(Tracker(staged, "largest"), 40) == middle).all()


def test_no_face_and_one_picture():
    assert np.isnan(boxes_of(Tracker(Staged([[]] * 9), stride=4), 9)).all()
    assert boxes_of(Tracker(Staged([[moving(0)]])), 1).shape == (1, 4)
    assert list(Tracker(Staged([]))(iter(()))) == []


def brute_force(boxes, scores, threshold):
    """Suppression as its definition says it, box by box."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        clear = True
        for j in kept:
            w = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            h = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            shared = max(w, 0) * max(h, 0)
            area = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[i], boxes[j])]
            clear &= not shared / (sum(area) - shared) > threshold
        if clear:
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_suppression_equals_its_definition(threshold):
    rng = np.random.default_rng(5)
    for count in [0, 1, 2, *rng.integers(3, 60, 40)]:
        low = rng.uniform(0, 50, (count, 2))
        boxes = np.hstack([low, low + rng.uniform(5, 40, (count, 2))])
        scores = rng.integers(0, 8, count) / 8  # ties
        found = suppressed(torch.tensor(boxes), torch.tensor(scores), threshold)
        assert found.tolist() == [int(i) for i in brute_force(boxes, scores, threshold)]


def test_a_crop_is_the_square_with_its_margin():
    y, x = np.mgrid[:100, :200]
    picture = np.stack([x, y, 0 * x], 2).astype(np.uint8)
    found = crop(picture, np.array([60.0, 30.0, 80.0, 70.0]), size=40, margin=0.0)
    # The longer side counts: x from 50 to 90, y from 30 to 70; pixel by pixel.
    np.testing.assert_array_equal(found, picture[30:70, 50:90])
    wide = crop(picture, np.array([60.0, 30.0, 80.0, 70.0]), size=60, margin=0.5)
    np.testing.assert_array_equal(wide, picture[20:80, 40:100])


def test_beyond_the_picture_its_edge_goes_on():
    y, x = np.mgrid[:50, :50]
    picture = np.stack([x, y, 0 * x], 2).astype(np.uint8)
    found = crop(picture, np.array([-10.0, -10.0, 20.0, 20.0]), size=30, margin=0.0)
    expected = np.pad(picture, ((10, 0), (10, 0), (0, 0)), "edge")[:30, :30]
    np.testing.assert_array_equal(found, expected)
    for box in ([-500, -500, -400, -400], [900, 900, 901, 901], [10, 10, 10, 10]):
        assert crop(picture, np.array(box, float), 24, 0.2).shape == (24, 24, 3)


def test_pixels_lie_in_the_range():
    values = scaled(np.array([0, 255], np.uint8).reshape(1, 1, 2, 1).repeat(3, 3))
    assert values.shape == (1, 3, 1, 2)
    np.testing.assert_allclose(values[0, 0, 0], [-127.5 / 128, 127.5 / 128])


def test_steps_without_a_face_are_interpolated():
    seen = np.array([0, 1, 0, 0, 0, 1, 1, 0], bool)
    found = interpolated(np.array([[2.0], [6.0], [1.0]], np.float32), seen)
    np.testing.assert_allclose(found[:, 0], [2, 2, 3, 4, 5, 6, 1, 1])
    pixels = interpolated(np.array([[2], [6], [1]], np.uint8), seen)
    np.testing.assert_array_equal(pixels[:, 0], [2, 2, 2, 2, 6, 6, 1, 1])


def test_squares():
    found = squared(np.array([[0.0, 0.0, 10.0, 20.0]]))
    np.testing.assert_allclose(found, [[-5, 0, 15, 20]])


def test_the_astronauts_face_is_found_and_followed(portrait):
    detector = Detector()
    pictures = np.stack([portrait(i) for i in range(20)])
    full = np.stack([faces[0, :4] for faces in detector.detect(pictures)])
    # The picture's own face: centre at about (222, 112) of the whole, 110 + 2i and 20 + i cut off.
    centre = (full[:, :2] + full[:, 2:]) / 2
    expected = np.array([[222 - 110 - 2 * i, 112 - 20 - i] for i in range(20)])
    assert np.abs(centre - expected).max() < 12
    tracker = Tracker(detector, stride=10)
    found = np.concatenate([boxes for _, boxes in tracker(iter(pictures))])
    assert tracker.detected == 3
    assert overlap(found, full).min() > 0.75


def test_pictures_without_a_face_and_tiny_ones():
    detector = Detector()
    rng = np.random.default_rng(0)
    for shape in ((2, 120, 160, 3), (1, 12, 500, 3), (1, 21, 21, 3), (1, 1, 1, 3)):
        noise = rng.integers(0, 255, shape).astype(np.uint8)
        assert [len(found) for found in detector.detect(noise)] == [0] * len(noise)
