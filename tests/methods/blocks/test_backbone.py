import sys

import pytest
import torch
from fusemark.benchmark.contract import Modality, Task, UserError
from fusemark.benchmark.recipes import parse
from fusemark.methods.blocks.backbone import LanguageModel

TASK = Task({"audio": Modality((5,), 6), "visual": Modality((3,), 9)}, ("a", "b", "c"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give the folder of a tiny causal language model with random weights."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=11, max_position_embeddings=64,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model")
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    return path


def build(backbone):
    recipe = parse("unillm")
    torch.manual_seed(0)
    return recipe.build(TASK, recipe.resolve("small", {"unillm.backbone": str(backbone)}))


def test_padded_steps_are_read_as_if_they_were_not_there(folder):
    torch.manual_seed(0)
    model = LanguageModel(str(folder), 6)
    mask = torch.tensor([[True, True, False, True, False, True], [True] * 6])
    x = torch.randn(2, 6, 6)
    found = model(x, mask)
    for b in range(2):
        inputs = model.enter(x[b : b + 1, mask[b]])
        hidden = model.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        expected = model.norm(model.leave(hidden))[0]
        torch.testing.assert_close(found[b, mask[b]], expected, rtol=1e-4, atol=1e-5)


def test_weights_are_those_of_the_folder_and_stay_frozen(folder, draw):
    import transformers

    model = build(folder).train()
    saved = transformers.AutoModelForCausalLM.from_pretrained(folder).base_model.state_dict()
    for name, tensor in model.backbone.model.state_dict().items():
        assert torch.equal(tensor, saved[name])
    assert not any(p.requires_grad for p in model.backbone.model.parameters())
    assert not model.backbone.model.training
    batch = draw(TASK)
    parameters = [p for p in model.parameters() if p.requires_grad]
    model.backward(model.losses(model(batch), batch), parameters)
    assert all(bool((p.grad != 0).any()) for p in parameters)


def test_a_folder_without_a_model_is_one_line(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match="holds no model that transformers reads") as raised:
        build(tmp_path)
    assert "\n" not in str(raised.value)


def test_without_transformers_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"needs transformers .*`pip install 'fusemark\[llm\]'`"):
        build(tmp_path)
