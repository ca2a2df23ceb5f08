"""Corpora as lists of clips: labels and speakers from names, and one line for what is wrong."""

import pytest
from fusemark.benchmark.contract import UserError
from fusemark.datasets.cremad_metadata.names import CLASSES, read_name
from fusemark.datasets.media.corpora import CORPORA

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:10dc3f\nsize 265922\n"


def touch(root, *names, content="media"):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def listed(corpus, root, pattern=""):
    return {clip.id: clip for clip in CORPORA[corpus](root, pattern).clips}


def test_cremad_names():
    said = read_name("1001_IEO_HAP_LO")
    assert (said.actor, said.sentence, said.emotion, said.intensity) == (
        "1001", "IEO", "happy", "low",
    )  # fmt: skip
    assert read_name("1040_ITH_SAD_X").intensity == ""
    for name in ("1001_IEO_JOY_LO", "IEO_HAP", "1001_IEO_HAP_LO_2", "", "../1001_IEO_HAP_LO"):
        assert read_name(name) is None


def test_cremads_own_table_names_7442_clips_of_91_actors(data_root):
    root = data_root / "cremad"
    names = [line.split(",")[1].strip().strip('"') for line in
             (root / "SentenceFilenames.csv").read_text().splitlines()[1:]]  # fmt: skip
    said = [read_name(name) for name in names]
    assert len(said) == 7442
    assert None not in said
    assert len({s.actor for s in said}) == 91
    assert len({s.sentence for s in said}) == 12
    count = {emotion: sum(s.emotion == emotion for s in said) for emotion in CLASSES}
    assert count == {e: 1087 if e == "neutral" else 1271 for e in CLASSES}


def test_cremads_pointers_are_named_with_the_command_that_mends_them(data_root):
    with pytest.raises(UserError, match=r"all 4 media files .* `git lfs install && git lfs pull`"):
        CORPORA["cremad"](data_root / "cremad", "")


def test_cremad(tmp_path):
    touch(tmp_path, "VideoFlash/1001_IEO_ANG_HI.flv", "AudioWAV/1001_IEO_ANG_HI.wav",
          "VideoFlash/1002_DFA_SAD_XX.flv", "VideoFlash/holiday.flv")  # fmt: skip
    clips = listed("cremad", tmp_path)
    both, one = clips["1001_IEO_ANG_HI"], clips["1002_DFA_SAD_XX"]
    assert both.audio == tmp_path / "AudioWAV" / "1001_IEO_ANG_HI.wav"
    assert both.visual == tmp_path / "VideoFlash" / "1001_IEO_ANG_HI.flv"
    assert (both.speaker, both.label, both.intensity) == ("1001", "anger", "high")
    assert one.audio == one.visual == tmp_path / "VideoFlash" / "1002_DFA_SAD_XX.flv"
    assert "none of CREMA-D's" in clips["holiday"].fault


def test_ravdess_as_published_and_from_a_manifest(tmp_path):
    touch(tmp_path / "a", "Actor_05/01-01-03-02-01-01-05.mp4", "Actor_05/03-01-03-02-01-01-05.wav",
          "Actor_05/02-01-08-01-02-01-05.mp4", "Actor_05/03-02-03-02-01-01-05.wav")  # fmt: skip
    clips = listed("ravdess", tmp_path / "a")
    assert sorted(clips) == ["01-03-02-01-01-05", "01-08-01-02-01-05"]  # no song
    both = clips["01-03-02-01-01-05"]
    assert (both.speaker, both.label, both.intensity) == ("actor-05", "happy", "strong")
    assert (both.audio.suffix, both.visual.suffix) == (".wav", ".mp4")
    assert clips["01-08-01-02-01-05"].audio is None
    touch(tmp_path / "b", "x.flac", "x.npy")
    text = "id,speaker,label,audio,visual\nx,actor-01,sad,x.flac,x.npy\n"
    touch(tmp_path / "b", "manifest.csv", content=text)
    assert listed("ravdess", tmp_path / "b")["x"].visual == tmp_path / "b" / "x.npy"


def test_grid(tmp_path):
    touch(tmp_path, "s12/video/bbaf2n.mpg", "s3/lgazzp.mpg", "lwbsza.mpg", "s3/sbia1x.mpg")
    clips = listed("grid", tmp_path)
    assert (clips["s12/video/bbaf2n"].speaker, clips["s12/video/bbaf2n"].label) == ("s12", "two")
    assert clips["s3/lgazzp"].label == "zero"
    assert "who speaks" in clips["lwbsza"].fault
    assert "none of GRID's" in clips["s3/sbia1x"].fault


def test_folders_and_patterns(tmp_path):
    touch(tmp_path / "a", "happy/anna/1.mp4", "happy/anna/1.wav", "sad/björn/ein film.mov",
          "flat.mkv", "happy/notes.txt", "happy/.hidden.mp4")  # fmt: skip
    clips = listed("media", tmp_path / "a")
    assert sorted(clips) == ["flat", "happy/anna/1", "sad/björn/ein film"]
    assert (clips["happy/anna/1"].label, clips["happy/anna/1"].speaker) == ("happy", "anna")
    assert clips["happy/anna/1"].audio.suffix == ".wav"
    assert clips["flat"].label == "unknown"
    touch(tmp_path / "b", "x/s1_IEO_ANG_HI.flv", "x/s2_DFA_SAD_LO.flv", "x/odd.flv")
    clips = listed("media", tmp_path / "b", "*/{speaker}_{sentence}_{label}_{intensity}")
    said = clips["x/s2_DFA_SAD_LO"]
    assert (said.speaker, said.sentence, said.label, said.intensity) == ("s2", "DFA", "SAD", "LO")
    assert "does not fit --pattern" in clips["x/odd"].fault
    for pattern in ("{mood}", "{label}{label}"):
        with pytest.raises(UserError, match=r"--pattern .* unknown or stands twice"):
            listed("media", tmp_path / "b", pattern)


def test_a_table(tmp_path):
    touch(tmp_path, "a b.mp4", "c.wav", "d.npy")
    rows = "id,label,speaker,split,video,audio,visual\n"
    rows += "1,x,p,train,a b.mp4,,\n2,y,q,test,,c.wav,d.npy\n"
    touch(tmp_path, "t.csv", content=rows)
    clips = listed("media", tmp_path / "t.csv")
    assert clips["1"].audio == clips["1"].visual == tmp_path / "a b.mp4"
    assert (clips["2"].audio.name, clips["2"].visual.name) == ("c.wav", "d.npy")
    assert clips["2"].split == "test"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,label,video\n1,x,a.mp4\n", "no column 'speaker'"),
        ("id,label,speaker\n1,x,p\n", "no column of paths"),
        ("id,label,speaker,video,split\n1,x,p,a.mp4,dev\n", "split 'dev'; expected train"),
        ("id,label,speaker,video\n1,x,p,a.mp4\n1,x,p,a.mp4\n", "two clips are named '1'"),
        ("id,label,speaker,video\n1,x,p,gone.mp4\n", "none of the 2 files is there"),
    ],
)
def test_mistakes_in_a_table(tmp_path, text, said):
    touch(tmp_path, "a.mp4")
    touch(tmp_path, "t.csv", content=text)
    with pytest.raises(UserError, match=said):
        listed("media", tmp_path / "t.csv")


@pytest.mark.parametrize("corpus", CORPORA)
def test_wrong_folders(tmp_path, corpus):
    touch(tmp_path / "full", "notes.txt")
    for root, said in (
        (tmp_path / "none", "does not exist"),
        (tmp_path / "full", "no clip|no folder VideoFlash"),
        (tmp_path / "full" / "notes.txt", "is a file|no column|header"),
    ):
        with pytest.raises(UserError, match=said):
            CORPORA[corpus](root, "")


def test_what_leads_outside_is_refused(tmp_path):
    touch(tmp_path, "secret.mp4", "corpus/x/p/a.mp4")
    (tmp_path / "corpus" / "x" / "p" / "b.mp4").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "corpus" / "x" / "p" / "c.mp4").symlink_to("a.mp4")
    clips = listed("media", tmp_path / "corpus")
    assert "leads outside corpus" in clips["x/p/b"].fault
    assert not clips["x/p/a"].fault
    assert not clips["x/p/c"].fault
    rows = "id,label,speaker,video\n1,x,p,x/p/a.mp4\n2,x,p,../secret.mp4\n"
    rows += f"3,x,p,{tmp_path}/secret.mp4\n"
    touch(tmp_path / "corpus", "t.csv", content=rows)
    clips = listed("media", tmp_path / "corpus" / "t.csv")
    assert [bool(clips[name].fault) for name in "123"] == [False, True, True]


def test_an_empty_cell_costs_its_clip(tmp_path):
    touch(tmp_path, "a.mp4")
    rows = "id,label,speaker,video\n1,x,p,a.mp4\n2,,p,a.mp4\n3,x,,a.mp4\n,,q,a.mp4\n5,y,q,a.mp4\n"
    touch(tmp_path, "t.csv", content=rows)
    corpus = CORPORA["media"](tmp_path / "t.csv", "")
    assert {clip.id: clip.fault for clip in corpus.clips} == {
        "1": "", "2": "the label in row 3 is empty; fill it in",
        "3": "the speaker in row 4 is empty; fill it in", "5": "",
        "row 5": "the id and the label in row 5 is empty; fill it in",
    }  # fmt: skip
    assert corpus.classes == ("x", "y")


NAMES = {
    "media": ("x/p/{}.mp4", ("1", "2")),
    "grid": ("s1/{}.mpg", ("bbaf2n", "lgazzp")),
    "ravdess": ("Actor_05/01-01-0{}-02-01-01-05.mp4", ("3", "5")),
}


@pytest.mark.parametrize("corpus", NAMES)
def test_links_to_folders_are_named(tmp_path, corpus):
    """One that leaves the root is left out with the reason, one inside it is noted."""
    name, (first, second) = NAMES[corpus]
    touch(tmp_path / "other", name.format(second))
    touch(tmp_path / "c", name.format(first))
    before = set(listed(corpus, tmp_path / "c"))
    (tmp_path / "c" / "again").symlink_to(next((tmp_path / "c").iterdir()))
    (tmp_path / "c" / "s2").symlink_to(tmp_path / "other")
    (tmp_path / "c" / "round").symlink_to(".")
    found = CORPORA[corpus](tmp_path / "c", "")
    clips = {clip.id: clip for clip in found.clips}
    assert set(clips) == {*before, "s2"}
    assert clips["s2"].fault == "s2 leads outside c; copy the folder into it"
    (note,) = found.notes
    assert note.endswith("were not followed: again, round.")


def test_some_pointers_are_faults_of_their_clips(tmp_path):
    touch(tmp_path, "x/p/a.mp4", content="m" * 2000)
    touch(tmp_path, "x/p/b.mp4", content=POINTER)
    assert len(listed("media", tmp_path)) == 2
    (tmp_path / "x" / "p" / "a.mp4").unlink()
    with pytest.raises(UserError, match="git lfs pull"):
        listed("media", tmp_path)
