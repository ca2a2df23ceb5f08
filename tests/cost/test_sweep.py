import pytest
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.cost.sweep import CREMAD, parse_lengths, parse_sizes, shapes, task_at


def test_lengths_are_doubled_listed_or_both():
    assert parse_lengths("64:512") == (64, 128, 256, 512)
    assert parse_lengths("64:500") == (64, 128, 256)
    assert parse_lengths("300,100,200") == (100, 200, 300)
    assert parse_lengths("8:32,100,16") == (8, 16, 32, 100)


@pytest.mark.parametrize("text", ["", "0:8", "64:32", "a", "64-128", "8,,16", "1:99999999999"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(UserError, match="expected such as 64:4096"):
        parse_lengths(text)


def test_sizes():
    assert parse_sizes("1,32,1", "batch") == (1, 32)
    for text in ("0", "²", "-1", "1.5", ","):
        with pytest.raises(UserError, match="expected positive whole numbers"):
            parse_sizes(text, "batch")


def test_one_modality_varies_while_the_other_lasts_three_seconds():
    (first, last) = shapes(CREMAD, [64, 4096], "visual")
    assert first.lengths == {"audio": 188, "visual": 64}
    assert last.lengths == {"audio": 188, "visual": 4096}
    assert last.seconds == pytest.approx(4096 / 30)


def test_all_modalities_last_equally_long():
    (shape,) = shapes(CREMAD, [300], "all")
    assert shape.lengths == {"audio": 625, "visual": 300}  # 10 s
    assert shape.seconds == 10.0


def test_modalities_without_a_rate_grow_by_their_longest_lengths():
    task = Task({"a": Modality((3,), 50), "b": Modality((2,), 20, 10.0)}, ("x", "y"))
    (shape,) = shapes(task, [40], "all")
    assert shape.lengths == {"a": 100, "b": 40}


def test_an_unknown_modality_is_one_line():
    with pytest.raises(UserError, match="did you mean 'visual'"):
        shapes(CREMAD, [64], "visul")


def test_the_task_at_a_shape_has_its_lengths():
    task = task_at(CREMAD, {"audio": 7, "visual": 9})
    assert [m.max_length for m in task.modalities.values()] == [7, 9]
    assert task.modalities["audio"].rate == 62.5
