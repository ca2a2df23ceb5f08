"""What reads prompts and tokens: a small transformer, or a pretrained language model."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from .unimodal import TransformerConfig, encoder

EXTRA = "llm"
"""The optional dependencies that a pretrained language model takes."""


class SmallTransformer(nn.Module):
    """Transformer that attends both ways, without positions: its tokens bring their own."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.encoder = encoder(config, positions=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d) with mask (B, T) -> (B, T, d)."""
        return self.encoder(x, mask=mask)


class LanguageModel(nn.Module):
    """Pretrained causal language model between two linear maps; it is frozen, they are trained.

    Valid steps are numbered on without gaps, wherever the padding stands.

    Parameters
    ----------
    path
        Folder with a model as ``transformers`` saves it. Nothing is downloaded.
    width
        Width d of the tokens.

    Raises
    ------
    ValueError
        No such folder, no model in it, or ``transformers`` is not installed.
    """

    def __init__(self, path: str, width: int):
        super().__init__()
        self.model = pretrained(path)
        self.model.requires_grad_(False)
        hidden = self.model.config.hidden_size
        self.enter, self.leave = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)

    def train(self, mode: bool = True) -> Self:
        # Nothing in the frozen model learns from its dropout.
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d) with mask (B, T) -> (B, T, d)."""
        places = (mask.long().cumsum(1) - 1).clamp(min=0)
        steps = torch.arange(mask.shape[1], device=mask.device)
        # Written out in four dimensions, the mask is taken as it is; of one in two, transformers
        # reads the values. Every step sees itself, so that no row of the padding is empty.
        allowed = (mask[:, None] & (steps <= steps[:, None])) | (steps == steps[:, None])
        barred = torch.zeros_like(allowed, dtype=x.dtype).masked_fill(
            ~allowed, torch.finfo(x.dtype).min
        )
        output = self.model(
            inputs_embeds=self.enter(x), attention_mask=barred[:, None], position_ids=places,
            use_cache=False,
        )  # fmt: skip
        return self.norm(self.leave(output.last_hidden_state))


def pretrained(path: str) -> Any:
    """Load a language model, without its head, from a folder."""
    if not Path(path).is_dir():
        raise ValueError(
            f"backbone {path!r} is not a folder; expected a pretrained causal language model as "
            f"transformers saves it, or '' for a small transformer"
        )
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise ValueError(
            f"backbone {path!r} needs transformers ({error}); `pip install 'fusemark[{EXTRA}]'`"
        ) from error
    kind = transformers.AutoModelForCausalLM
    try:
        if torch.get_default_device().type == "meta":
            # Shapes alone are wanted; transformers refuses to read weights for them.
            return kind.from_config(
                transformers.AutoConfig.from_pretrained(path, local_files_only=True)
            ).base_model
        return kind.from_pretrained(path, local_files_only=True).base_model
    except Exception as error:
        # A folder may lack anything, and every reader of one raises errors of its own.
        why = str(error).strip().split("\n")[0]
        raise ValueError(
            f"backbone {path!r} holds no model that transformers reads: {why}"
        ) from error
