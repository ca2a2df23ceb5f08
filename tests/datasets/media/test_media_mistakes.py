"""What a user asks for wrongly: one line each, and exit code 2."""

import pytest

from .asked import bench


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--audio", "mfcc"], "--audio 'mfcc' is unknown; expected compare or none"),
        (["--visual", "none", "--audio", "none"], "leave nothing to prepare"),
        (["--crop-size", "5"], "--crop-size 5 is out of range"),
        (["--step", "0"], "step=0; expected seconds"),
        (["--max-bad", "3"], "--max-bad 3 is no share"),
        (["--time-limit", "soon"], "duration 'soon'"),
        (["--weights", "w.pt", "--visual", "crops"], "--weights and --module embed faces"),
        (["--weights", "gone.pt"], "--weights 'gone.pt' is not a file"),
        (["--fps", "x"], "--fps"),
        (["--silence", "nan"], "--silence nan is out of range; expected -1000 to 0"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(little_cremad, tmp_path, capsys, words, said):
    bench("data", "prepare", "cremad", "--root", little_cremad, "--out", tmp_path / "s", *words,
          code=2)  # fmt: skip
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not (tmp_path / "s").exists()


def test_unknown_corpus(tmp_path, capsys):
    bench("data", "prepare", "cremaid", "--root", tmp_path, "--out", tmp_path / "s", code=2)
    assert "unknown corpus 'cremaid'; expected media, cremad" in capsys.readouterr().err


def test_a_comma_in_the_folders_name_is_refused(tmp_path, capsys):
    words = ["data", "prepare", "media", "--root", tmp_path, "--out", tmp_path / "a,b"]
    bench(*words, code=2)
    assert "a,b' has a comma, where `bench run --datasets` parts names" in capsys.readouterr().err
    assert not (tmp_path / "a,b").exists()
