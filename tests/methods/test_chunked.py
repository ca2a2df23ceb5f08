import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.blocks.attention import sinusoids
from fusemark.methods.chunked import Chunked, starting, within

SIZE = {"width": 8, "layers": 1, "heads": 2}
TASK = Task({"audio": Modality((5,), 9), "visual": Modality((3,), 20)}, ("a", "b", "c"))


def build(task=TASK, **settings):
    torch.manual_seed(0)
    return Chunked(task, Chunked.Config(**{**SIZE, "chunk": 6, "stride": 4, **settings})).eval()


@pytest.mark.parametrize(
    ("longest", "chunk", "stride"),
    [(63, 16, 16), (64, 16, 8), (50, 7, 7), (50, 7, 3), (37, 1, 1), (9, 10, 10), (40, 30, 1)],
)
def test_chunks_cover_every_frame_of_every_length(longest, chunk, stride):
    chunks = -(-longest // stride)
    lengths = torch.arange(1, longest + 1)
    starts, counted = starting(lengths, chunk, chunks)
    index, valid = within(starts, lengths, chunk)
    assert starts.shape == (longest, chunks)
    for row, length in enumerate(lengths.tolist()):
        for i in range(chunks):
            spare = max(length - chunk, 0)
            assert int(starts[row, i]) == (i * spare // (chunks - 1) if chunks > 1 else 0)
        seen = index[row][valid[row] & counted[row][:, None]]
        assert set(seen.tolist()) == set(range(length))
        assert valid[row].any(1).all()  # no chunk of padding alone: its attention would be empty
        assert len(set(starts[row][counted[row]].tolist())) == int(counted[row].sum())
        assert set(starts[row].tolist()) == set(starts[row][counted[row]].tolist())
        if length <= chunk:
            assert counted[row].tolist() == [True] + [False] * (chunks - 1)


def test_a_short_sequence_is_one_chunk_of_the_plain_backbone(draw):
    model = build(tokens=2)
    batch = draw(TASK, 3, lengths={"audio": [3, 3, 3], "visual": [6, 4, 1]})
    tokens, counted = model.encode(batch.visible("visual"), batch.lengths["visual"])
    assert counted.sum(1).tolist() == [2, 2, 2]
    for row, length in enumerate((6, 4, 1)):
        frames = model.project["visual"](batch.values["visual"][row : row + 1, :length])
        frames = frames + sinusoids(frames)
        start = sinusoids(frames)[:1]
        x = torch.cat([(model.queries + start)[None], frames], dim=1)
        expected = model.backbone(x)[0, :2]
        torch.testing.assert_close(tokens[row, :2], expected, rtol=1e-4, atol=1e-6)


def test_a_frame_reaches_the_tokens_of_its_own_chunks_alone(draw):
    model = build(tokens=2)
    batch = draw(TASK, 1, lengths={"audio": [9], "visual": [20]})
    values, lengths = batch.values["visual"], batch.lengths["visual"]
    tokens, _ = model.encode(values, lengths)
    assert tokens.shape == (1, 5 * 2, 8)
    starts = [i * 14 // 4 for i in range(5)]
    for frame in range(20):
        changed = values.clone()
        changed[:, frame] += 1.0
        moved = (model.encode(changed, lengths)[0] - tokens).abs().amax((0, 2)) > 1e-6
        inside = [start <= frame < start + 6 for start in starts for _ in range(2)]
        assert moved.tolist() == inside


def test_more_frames_than_the_task_has_are_refused(draw):
    longer = Task({**TASK.modalities, "visual": Modality((3,), 21)}, TASK.outputs)
    batch = draw(longer, 1, lengths={"audio": [9], "visual": [21]})
    with pytest.raises(ValueError, match="'visual' has 21 frames, the task's longest 20"):
        build()(batch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 40}, "stride 40 is not within 1 and chunk 16"),
        ({"tokens": 0}, "tokens 0 is not positive"),
        ({"expensive": "video"}, "expensive modality 'video' is not one of the task's: audio, vis"),
    ],
)
def test_settings_that_cannot_be_are_one_line(settings, message):
    recipe = parse("chunked")
    settings = {f"chunked.{n}": v for n, v in settings.items()}
    with pytest.raises(UserError, match=message):
        recipe.build(TASK, recipe.resolve("small", settings))


def test_the_costly_modality_is_visual_or_the_last_unless_named():
    sensors = Task({"inertial": Modality((2,), 20), "skeleton": Modality((3,), 30)}, ("a", "b"))
    first = Task(dict(reversed(TASK.modalities.items())), TASK.outputs)
    assert build(first).expensive == "visual"
    assert build(sensors).expensive == "skeleton"
    assert build(sensors, expensive="inertial").expensive == "inertial"


def test_image_frames_train_end_to_end_and_no_padding_reaches_them(draw):
    frames = Task({"audio": Modality((5,), 9), "visual": Modality((3, 12, 10), 9)}, ("a", "b"))
    model = build(frames, chunk=4, stride=3)
    batch = draw(frames, 2, lengths={"audio": [9, 4], "visual": [3, 9]})
    alone = batch.map(lambda x: x[:1])
    alone = alone.with_values("visual", alone.values["visual"][:, :3])
    torch.testing.assert_close(model(alone).logits, model(batch).logits[:1], rtol=0, atol=1e-5)
    output = model.train()(batch)
    sum(model.losses(output, batch).values()).backward()
    for weight in model.project["visual"].parameters():
        assert float(weight.grad.abs().sum()) > 0
