"""Masked multi-head attention and pre-LayerNorm transformer blocks.

Vaswani et al., NeurIPS 2017; pre-LayerNorm after Xiong et al., ICML 2020. Masks are True where a
step is valid; every row has a valid step. Sequences are (B, T, d) throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .dropout import Dropout


class Attention(nn.Module):
    """Multi-head attention from queries to keys and values, one projection of width 3d.

    Equal to ``nn.MultiheadAttention`` of the same weights; written out because that class leaves
    for a fused path in evaluation that operator counters do not see.

    Parameters
    ----------
    width, heads
        Model width d, divisible by the number of heads.
    dropout
        Rate on the attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not divisible by heads {heads}")
        self.heads, self.dropout = heads, dropout
        self.drop = Dropout(dropout)
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, query: Tensor, memory: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Attend from query (B, Q, d) to memory (B, K, d); mask (B, K) or (B, Q, K) of memory."""
        width = query.shape[-1]
        if query is memory:
            q, k, v = self.project(query).chunk(3, dim=-1)
        else:
            weight, bias = self.project.weight, self.project.bias
            q = functional.linear(query, weight[:width], bias[:width])
            k, v = functional.linear(memory, weight[width:], bias[width:]).chunk(2, dim=-1)
        allowed = (
            None if mask is None else (mask[:, None, None] if mask.ndim == 2 else mask[:, None])
        )
        if causal:
            steps = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool, device=q.device)
            # A query sees keys up to its own index, shifted where the padded lengths differ: for
            # unequal lengths give a mask (B, Q, K) of the examples' own instead.
            past = steps.tril(abs(k.shape[1] - q.shape[1]))
            allowed = past if allowed is None else allowed & past
        mixed = self.mix(self.split(q), self.split(k), self.split(v), allowed)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def mix(self, q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
        """Scaled dot-product attention of (B, heads, T, size) where ``allowed``."""
        rate = self.dropout if self.training else 0.0
        if rate == 0.0 or q.device.type != "cpu":
            return functional.scaled_dot_product_attention(
                q, k, v, attn_mask=allowed, dropout_p=rate
            )
        # On CPU the fused call draws float masks, and takes half as long again as this.
        scores = q / math.sqrt(q.shape[-1]) @ k.transpose(-1, -2)
        if allowed is not None:
            # Added, not filled in: the gradient then passes without another sweep.
            scores = scores + torch.zeros_like(allowed, dtype=q.dtype).masked_fill(
                ~allowed, -math.inf
            )
        return self.drop(scores.softmax(-1)) @ v

    def split(self, x: Tensor) -> Tensor:
        """(B, T, d) -> (B, heads, T, d / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """Pre-LayerNorm block: attention, then a feed-forward net of 4d, each with a residual.

    With a memory it is a cross block: query and memory pass the same first LayerNorm, as in MulT.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        attention_dropout: float = 0.1,
        relu_dropout: float = 0.1,
        residual_dropout: float = 0.1,
    ):
        super().__init__()
        self.attention = Attention(width, heads, attention_dropout)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for linear in (self.expand, self.contract):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.relu_dropout, self.residual_dropout = Dropout(relu_dropout), Dropout(residual_dropout)

    def attend(self, x: Tensor, memory: Tensor | None, mask: Tensor | None, causal: bool) -> Tensor:
        """Return the attention sublayer's update of x."""
        query = self.norms[0](x)
        keys = query if memory is None else self.norms[0](memory)
        return self.residual_dropout(self.attention(query, keys, mask, causal))

    def feed(self, x: Tensor) -> Tensor:
        """Return the feed-forward sublayer's update of x."""
        hidden = self.relu_dropout(functional.relu(self.expand(self.norms[1](x))))
        return self.residual_dropout(self.contract(hidden))

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:  # fmt: skip
        x = x + self.attend(x, memory, mask, causal)
        return x + self.feed(x)


class Encoder(nn.Module):
    """Scaled input, sinusoidal positions, layers and a final LayerNorm (MulT's encoder).

    With a memory, every layer attends to the memory's embedding (its layer 0). ``scaled=False``
    leaves out the factor sqrt(d): beside dense features the positions would hardly count.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        layers: int,
        *,
        attention_dropout: float = 0.1,
        relu_dropout: float = 0.1,
        residual_dropout: float = 0.1,
        embedding_dropout: float = 0.25,
        positions: bool = True,
        scaled: bool = True,
        causal: bool = False,
    ):
        super().__init__()
        rates = (attention_dropout, relu_dropout, residual_dropout)
        self.layers = nn.ModuleList(Layer(width, heads, *rates) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(embedding_dropout)
        self.positions, self.scaled, self.causal = positions, scaled, causal

    def embed(self, x: Tensor) -> Tensor:
        """Scale by sqrt(d) and add positions, each where asked for; (B, T, d) -> (B, T, d)."""
        x = x * math.sqrt(x.shape[-1]) if self.scaled else x
        return self.dropout(x + sinusoids(x) if self.positions else x)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Encode x (B, T, d); mask is that of memory, or of x where there is no memory."""
        x = self.embed(x)
        memory = None if memory is None else self.embed(memory)
        for layer in self.layers:
            x = layer(x, memory, mask, self.causal)
        return self.norm(x)


def sinusoids(x: Tensor) -> Tensor:
    """Sinusoidal positions (T, d) for a sequence (B, T, d); any width, odd ones padded by zero."""
    steps, width = x.shape[1], x.shape[2]
    half = width // 2
    dtype = torch.promote_types(x.dtype, torch.float32)
    rate = torch.arange(half, device=x.device, dtype=dtype)
    rate = torch.exp(rate * (-math.log(10_000.0) / max(half - 1, 1)))
    angle = torch.arange(steps, device=x.device, dtype=dtype)[:, None] * rate
    table = torch.cat([angle.sin(), angle.cos()], dim=1)
    return functional.pad(table, (0, width - 2 * half)).to(x.dtype)
