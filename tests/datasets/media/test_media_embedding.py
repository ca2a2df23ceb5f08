"""From crops to vectors: any exported module, and nothing that runs code when it is loaded."""

import io
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
import torch
from fusemark.benchmark.contract import UserError
from fusemark.datasets.media import embedding
from fusemark.datasets.media.crops import scaled
from fusemark.datasets.media.embedding import load_embedder
from fusemark.datasets.media.facenet import facenet


class Means(torch.nn.Module):
    """Mean of each channel over each quarter of the crop: 12 numbers."""

    def forward(self, x):
        return torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)


def exported(path, dynamic=True):
    batch = torch.export.Dim("batch")
    shapes = ({0: batch},) if dynamic else None
    example = torch.zeros(2 if dynamic else 1, 3, 32, 32)
    torch.export.save(torch.export.export(Means(), (example,), dynamic_shapes=shapes), path)
    return path


def scripted(path):
    torch.jit.trace(Means(), torch.zeros(2, 3, 32, 32)).save(str(path))
    return path


class Saves(torch.nn.Module):
    """Writes what it is given to a file."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def forward(self, x):
        torch.save(x, self.path)
        return x.flatten(1)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.fixture
def crops():
    return np.random.default_rng(0).integers(0, 256, (37, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["script", "export", "export-one"])
def test_any_exported_module(tmp_path, crops, kind):
    if kind == "script":
        path = scripted(tmp_path / "m.pt")
    else:
        path = exported(tmp_path / "m.pt2", dynamic=kind == "export")
    embedder = load_embedder("", str(path), 32)
    assert embedder.width == 12
    assert embedder.batch == (1 if kind == "export-one" else embedding.BATCH)
    quarters = scaled(crops).reshape(37, 3, 2, 16, 2, 16).mean((3, 5)).reshape(37, 12)
    np.testing.assert_allclose(embedder(crops), quarters, atol=1e-6)
    assert embedder(crops[:0]).shape == (0, 12)


def test_inception_takes_weights_from_a_file(tmp_path, crops):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = facenet().InceptionResnetV1(pretrained=None).eval()
    assert sum(p.numel() for p in network.parameters()) == 23_482_624
    # As facenet-pytorch's own file, with the classifier that embedding does not need.
    state = network.state_dict() | {"logits.weight": torch.zeros(3, 512)}
    torch.save(state, tmp_path / "w.pt")
    save_file(dict(state), tmp_path / "w.safetensors")
    found = [load_embedder(str(tmp_path / n), "", 80) for n in ("w.pt", "w.safetensors")]
    pictures = np.repeat(np.repeat(crops[:3, :20, :20], 4, 1), 4, 2)
    with torch.inference_mode():
        expected = network(torch.from_numpy(scaled(pictures))).numpy()
    for embedder in found:
        assert embedder.width == 512
        np.testing.assert_allclose(embedder(pictures), expected, atol=1e-6)


def test_weights_that_run_code_are_refused(tmp_path):
    torch.save({"a": Touch(tmp_path / "ran")}, tmp_path / "w.pt")
    (tmp_path / "p.pt").write_bytes(pickle.dumps(Touch(tmp_path / "ran")))
    for name, said in (("w.pt", r"code \(posix\.mkdir\)"), ("p.pt", "more than tensors")):
        with pytest.raises(UserError, match=rf"{name}' holds {said}[^\n]* is refused") as error:
            load_embedder(str(tmp_path / name), "", 160)
        assert "weights_only" not in str(error.value)  # torch's advice to load it unchecked
        with pytest.raises(UserError, match=r"neither a TorchScript nor a torch\.export"):
            load_embedder("", str(tmp_path / name), 160)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("member", ["sample_inputs", "opaque", "weight", "constant"])
def test_an_exported_module_that_runs_code_is_refused(tmp_path, member):
    """Every place from which torch.export.load would unpickle."""
    stored = io.BytesIO()
    torch.save(Touch(tmp_path / "ran"), stored)
    with zipfile.ZipFile(exported(tmp_path / "good.pt2")) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    prefix = next(iter(parts)).split("/")[0]
    if member == "sample_inputs":
        name = next(n for n in parts if "sample_inputs" in n)
        parts[name] = stored.getvalue()
    elif member == "opaque":
        parts[f"{prefix}/data/constants/opaque_obj_0"] = pickle.dumps(Touch(tmp_path / "ran"))
        config = b'{"config": {"x": {"path_name": "opaque_obj_0", "is_param": false, '
        config += b'"use_pickle": true, "tensor_meta": null}}}'
        parts[f"{prefix}/data/constants/model_constants_config.json"] = config
    else:
        folder, stem = {"weight": ("weights", "weight_0"), "constant": ("constants", "tensor_0")}[
            member
        ]
        parts[f"{prefix}/data/{folder}/{stem}"] = stored.getvalue()
        kind = b'{"config": {"x": {"path_name": "%s", "is_param": false, "use_pickle": true, '
        config = kind % stem.encode() + b'"tensor_meta": null}}}'
        parts[f"{prefix}/data/{folder}/model_{folder}_config.json"] = config
    with zipfile.ZipFile(tmp_path / "bad.pt2", "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(UserError):
        load_embedder("", str(tmp_path / "bad.pt2"), 32)
    assert not (tmp_path / "ran").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_sizes_and_operators_that_reach_further_are_refused(tmp_path):
    """Torch evaluates a size as Python text, and a script's torch.save writes where it likes."""
    path, evil = exported(tmp_path / "good.pt2"), tmp_path / "evil.pt2"
    assert load_embedder("", str(path), 32).width == 12
    code = f"__import__('os').mkdir('{tmp_path / 'made'}')"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(evil, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("models/model.json"):
                content, found = re.subn(
                    rb'"expr_str": "(?:[^"\\\\]|\\\\.)*"', f'"expr_str": "{code}"'.encode(), content
                )
                assert found
            new.writestr(member, content)
    with pytest.raises(UserError, match="is no size"):
        load_embedder("", str(evil), 32)
    assert not (tmp_path / "made").exists()

    torch.jit.script(Saves(str(tmp_path / "saved"))).save(str(tmp_path / "saves.pt"))
    with pytest.raises(UserError, match="aten::save, which works on files"):
        load_embedder("", str(tmp_path / "saves.pt"), 32)
    assert not (tmp_path / "saved").exists()


def test_a_module_of_another_size_or_shape(tmp_path):
    class Picture(torch.nn.Module):
        def forward(self, x):
            return x * 2

    torch.jit.trace(Picture(), torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "m.pt"))
    with pytest.raises(UserError, match=r"of B = 1 it returns shape \(1, 3, 32, 32\)"):
        load_embedder("", str(tmp_path / "m.pt"), 32)
    with pytest.raises(UserError, match="--crop-size"):
        load_embedder("", str(exported(tmp_path / "m.pt2")), 48)


def test_a_module_of_a_fixed_batch_is_said_at_once(tmp_path):
    """A clip's blocks have any number of crops: one that takes 2 alone would fail on each clip."""
    program = torch.export.export(Means(), (torch.zeros(2, 3, 32, 32),))
    torch.export.save(program, tmp_path / "m.pt2")
    with pytest.raises(UserError) as error:
        load_embedder("", str(tmp_path / "m.pt2"), 32)
    assert "of B = 1 it says: " in str(error.value)
    assert "export it with a batch of any size (torch.export.Dim), or of 1" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_module_whose_batch_ends_below_ours_is_given_one_crop_at_a_time(tmp_path, crops):
    few = torch.export.Dim("few", max=16)
    program = torch.export.export(Means(), (torch.zeros(2, 3, 32, 32),), dynamic_shapes=({0: few},))
    torch.export.save(program, tmp_path / "m.pt2")
    embedder = load_embedder("", str(tmp_path / "m.pt2"), 32)
    assert embedder.batch == 1
    assert embedder(crops).shape == (37, 12)


def test_files_that_are_not_there_and_a_download_that_fails(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"--weights .* is not a file"):
        load_embedder(str(tmp_path / "w.pt"), "", 160)
    with pytest.raises(UserError, match=r"--module .* is not a file"):
        load_embedder("", str(tmp_path), 160)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(UserError, match=r"no route to host.*--weights FILE.*--visual crops"):
        load_embedder("", "", 160)
