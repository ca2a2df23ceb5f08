"""What one operator costs: FLOPs from shapes, nothing by convention, or not known.

One multiply-add is two FLOPs. Products of matrices and vectors, convolutions, attention and
distances have formulas, most of them torch's own. Element-wise operators, softmax, norms,
reductions, sorting and moving data count zero, as in every counter of the field: they are bound by
memory. An operator of neither kind did arithmetic that nobody counted; it is named.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils import flop_counter

aten = torch.ops.aten
Formula = Callable[..., int]


def operands(function: Formula) -> Formula:
    """Make a formula of an operator's arguments into one that takes its result too."""
    return lambda *args, out_val=None, **kwargs: function(*args, **kwargs)  # noqa: ARG005


def convolution_backward(
    grad: Tensor, x: Tensor, weight: Tensor, _bias: Any, _stride: Any, _padding: Any,
    _dilation: Any, transposed: bool, _output_padding: Any, _groups: int, needed: Sequence[bool],
) -> int:  # fmt: skip
    """Cost the forward pass once for each of the gradients to input and weight, in groups or not.

    The stock formula multiplies the weight's gradient by the number of groups.
    """
    forward = flop_counter.conv_flop_count(
        list(x.shape), list(weight.shape), list(grad.shape), transposed=transposed
    )
    return forward * (bool(needed[0]) + bool(needed[1]))


def trilinear(
    first: Tensor, second: Tensor, third: Tensor, expand1: Sequence[int], expand2: Sequence[int],
    expand3: Sequence[int], summed: Sequence[int], unroll_dim: int = 1,  # noqa: ARG001
) -> int:  # fmt: skip
    """Two products, as aten takes them: of the first two factors, then with the third.

    ``nn.Bilinear`` is this operator, forward and backward. With I, J and K the axes of the three
    factors, a product runs over all axes of its operands.
    """
    shapes = []
    for factor, expanded in ((first, expand1), (second, expand2), (third, expand3)):
        shape = list(factor.shape)
        for axis in sorted(expanded):
            shape.insert(axis, 1)
        shapes.append(shape)
    pair = [max(a, b) for a, b in zip(shapes[0], shapes[1], strict=True)]
    # What is summed and does not occur in the third factor is summed at once.
    left = [1 if i in summed and i in expand3 else size for i, size in enumerate(pair)]
    return 2 * prod(pair) + 2 * prod(max(a, b) for a, b in zip(left, shapes[2], strict=True))


def distances(x: Tensor, y: Tensor, *_: Any) -> int:
    """Cost of a difference, a product and a sum for each number of each pair of rows."""
    return 3 * prod(x.shape[:-2]) * x.shape[-2] * y.shape[-2] * x.shape[-1]


def expanded_distances(x: Tensor, y: Tensor) -> int:
    """Cost of the one product that yields |x|^2 + |y|^2 - 2 xy: of rows longer by two numbers."""
    return 2 * prod(x.shape[:-2]) * x.shape[-2] * y.shape[-2] * (x.shape[-1] + 2)


def own_distances(x: Tensor, *_: Any) -> int:
    """Cost of the distances of each pair of rows of one matrix."""
    return 3 * x.shape[0] * (x.shape[0] - 1) // 2 * x.shape[1]


def bags(
    weight: Tensor, indices: Tensor, _offsets: Any, _scale: bool = False, _mode: int = 0,
    _sparse: bool = False, weights: Tensor | None = None, *_: Any,
) -> int:  # fmt: skip
    """Cost of a weighted sum of rows; the sum, mean or maximum of rows is a reduction."""
    return 0 if weights is None else 2 * indices.numel() * weight.shape[-1]


def bags_backward(grad: Tensor, indices: Tensor, *rest: Any) -> int:
    """Cost of the rows' gradient: as much again where they were weighted."""
    return 0 if rest[8] is None else 2 * indices.numel() * grad.shape[-1]


FORMULAS: dict[Any, Formula] = {
    **flop_counter.flop_registry,
    aten.convolution_backward: operands(convolution_backward),
    aten._trilinear: operands(trilinear),
    aten.mv: operands(lambda a, x: 2 * a.numel()),  # noqa: ARG005
    aten.addmv: operands(lambda b, a, x, **_: 2 * a.numel()),  # noqa: ARG005
    aten.dot: operands(lambda x, y: 2 * x.numel()),  # noqa: ARG005
    aten.vdot: operands(lambda x, y: 2 * x.numel()),  # noqa: ARG005
    aten.addr: operands(lambda a, x, y, **_: 2 * x.numel() * y.numel()),  # noqa: ARG005
    aten.addbmm: operands(lambda c, a, b, **_: 2 * a.numel() * b.shape[-1]),  # noqa: ARG005
    aten._cdist_forward: operands(distances),
    aten._cdist_backward: operands(lambda grad, x, y, *_: distances(x, y)),  # noqa: ARG005
    aten._euclidean_dist: operands(expanded_distances),
    aten._pdist_forward: operands(own_distances),
    aten._pdist_backward: operands(lambda grad, x, *_: own_distances(x)),  # noqa: ARG005
    aten._embedding_bag: operands(bags),
    aten._embedding_bag_forward_only: operands(bags),
    aten._embedding_bag_backward: operands(bags_backward),
    aten._embedding_bag_per_sample_weights_backward: operands(
        lambda grad, weight, indices, *_: 2 * indices.numel() * grad.shape[-1]  # noqa: ARG005
    ),
}
"""By operator, its FLOPs from its arguments and its result ``out_val``."""

MULTIPLICATIONS = {aten.mul: 0, aten.mul_: 0, aten.addcmul: 1, aten.addcmul_: 1}
"""By operator that multiplies element by element, which of its arguments is the first factor."""

FREE = frozenset(
    # One word a line, as a list would have them, is two hundred lines.
    """
    _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d
    _adaptive_avg_pool3d_backward _assert_async _batch_norm_no_update _batch_norm_with_update
    _batch_norm_with_update_functional _chunk_cat _foreach_add _foreach_addcdiv _foreach_addcmul
    _foreach_div _foreach_lerp _foreach_mul _foreach_norm _foreach_sqrt _fused_adam _fused_adamw
    _fused_dropout _fused_rms_norm _fused_rms_norm_backward _linalg_check_errors
    _local_scalar_dense _log_softmax _log_softmax_backward_data _masked_scale
    _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _pack_padded_sequence _pack_padded_sequence_backward
    _pad_packed_sequence _pin_memory _prelu_kernel _prelu_kernel_backward _reshape_copy
    _safe_softmax _segment_reduce_backward _softmax _softmax_backward_data _standard_gamma
    _thnn_fused_gru_cell _thnn_fused_lstm_cell _thnn_fused_lstm_cell_backward_impl _to_copy _unique
    _unique2 _unsafe_index _unsafe_index_put _unsafe_masked_index
    _unsafe_masked_index_put_accumulate _unsafe_view _upsample_bicubic2d_aa
    _upsample_bicubic2d_aa_backward _upsample_bilinear2d_aa _upsample_bilinear2d_aa_backward
    _upsample_nearest_exact1d _upsample_nearest_exact1d_backward _upsample_nearest_exact2d
    _upsample_nearest_exact2d_backward _weight_norm_interface _weight_norm_interface_backward abs
    adaptive_avg_pool1d adaptive_max_pool2d adaptive_max_pool2d_backward adaptive_max_pool3d
    adaptive_max_pool3d_backward alias_copy all amax amin aminmax any arange argmax argmin argsort
    as_strided as_strided_copy as_strided_scatter avg_pool2d avg_pool2d_backward avg_pool3d
    avg_pool3d_backward batch_norm_backward bernoulli binary_cross_entropy
    binary_cross_entropy_backward binary_cross_entropy_with_logits bincount block_diag bucketize
    cat cauchy channel_shuffle clone col2im complex constant_pad_nd copy copysign count_nonzero
    cummax cummin cumprod cumsum diag_embed diagonal_backward diagonal_copy diagonal_scatter dist
    elu_backward embedding embedding_dense_backward empty empty_like empty_permuted empty_strided
    eq equal expand_copy exponential eye fill flip floor_divide fractional_max_pool2d
    fractional_max_pool2d_backward full full_like gather gcd ge gelu geometric glu glu_backward
    grid_sampler_2d grid_sampler_2d_backward grid_sampler_3d grid_sampler_3d_backward gt
    hann_window hardsigmoid_backward hardswish hardswish_backward hardtanh_backward heaviside histc
    huber_loss huber_loss_backward im2col index index_add index_copy index_fill index_put
    index_reduce index_select is_same_size isin item kthvalue lcm le leaky_relu_backward lift
    lift_fresh lift_fresh_copy linalg_cross linalg_vector_norm linspace log_normal
    log_sigmoid_backward log_sigmoid_forward logcumsumexp logspace logsumexp lt masked_fill
    masked_scatter masked_scatter_backward masked_select max max_pool2d_with_indices
    max_pool2d_with_indices_backward max_pool3d_with_indices max_pool3d_with_indices_backward
    max_unpool2d max_unpool3d mean median min mish mode mse_loss mse_loss_backward
    multi_margin_loss multi_margin_loss_backward multilabel_margin_loss_backward
    multilabel_margin_loss_forward multinomial nan_to_num nanmedian nansum narrow_copy
    native_batch_norm native_batch_norm_backward native_dropout native_dropout_backward
    native_group_norm native_group_norm_backward native_layer_norm native_layer_norm_backward ne
    new_empty new_empty_strided new_full new_ones new_zeros nll_loss2d_backward nll_loss2d_forward
    nll_loss_backward nll_loss_forward nonzero nonzero_static norm normal normal_functional one_hot
    ones ones_like permute_copy pixel_shuffle pixel_unshuffle poisson polar prod put rand rand_like
    randint randint_like randn randn_like random randperm reflection_pad1d
    reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward reflection_pad3d
    reflection_pad3d_backward renorm repeat repeat_interleave replication_pad1d
    replication_pad1d_backward replication_pad2d replication_pad2d_backward replication_pad3d
    replication_pad3d_backward resize resize_as roll rot90 rrelu_with_noise
    rrelu_with_noise_backward rrelu_with_noise_functional rsub scalar_tensor scatter scatter_add
    scatter_reduce searchsorted segment_reduce select_backward select_scatter set slice_backward
    slice_scatter smooth_l1_loss smooth_l1_loss_backward soft_margin_loss soft_margin_loss_backward
    softplus_backward sort split_with_sizes_copy squeeze squeeze_copy stack std std_mean sum t
    t_copy take threshold topk trace transpose transpose_copy tril tril_indices triu triu_indices
    unbind_copy unfold_backward unfold_copy uniform unique_consecutive unique_dim unsafe_split
    unsafe_split_with_sizes unsqueeze unsqueeze_copy upsample_bicubic2d upsample_bicubic2d_backward
    upsample_bilinear2d upsample_bilinear2d_backward upsample_linear1d upsample_linear1d_backward
    upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d upsample_nearest2d_backward
    upsample_trilinear3d upsample_trilinear3d_backward value_selecting_reduction_backward var
    var_mean view_copy where zero zeros zeros_like
    """.split()  # noqa: SIM905
)
"""Names of aten's operators, beside element-wise ones and views, that count zero."""


def cost(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the FLOPs of one call; None where nobody knows them."""
    formula = formula_of(function)
    if formula is not None:
        return int(formula(*args, **kwargs, out_val=out))
    return 0 if free(function) else None


@functools.cache
def formula_of(function: Any) -> Formula | None:
    """Return an operator's formula; an in-place one has that of its namesake, addmm_ of addmm."""
    packet = getattr(function, "_overloadpacket", function)
    name = getattr(packet, "__name__", "")
    namesake = getattr(aten, name[:-1], None) if len(name) > 1 and name.endswith("_") else None
    return FORMULAS.get(packet) or FORMULAS.get(namesake)


@functools.cache
def free(function: Any) -> bool:
    """Whether an operator counts zero: element-wise, a view, a norm, a reduction, moving data."""
    if not isinstance(function, torch._ops.OpOverload):
        return False
    if torch.Tag.pointwise in function.tags or function.is_view:
        return True
    namespace, name = function.name().split("::")
    name = name.split(".")[0]
    return namespace == "prim" or (namespace == "aten" and (name in FREE or name[:-1] in FREE))


def factors(function: Any, args: Sequence[Any]) -> tuple[Tensor, ...]:
    """Return the two tensors that an operator multiplies element by element; none of any other."""
    first = MULTIPLICATIONS.get(getattr(function, "_overloadpacket", function))
    pair = () if first is None else tuple(args[first : first + 2])
    return pair if len(pair) == 2 and all(isinstance(x, Tensor) for x in pair) else ()


def outer(sizes: Sequence[int], product: Tensor) -> bool:
    """Whether a multiplication with broadcasting is an outer product, from its factors' sizes.

    Each factor is repeated along an axis of the other: every number of the result is a product of
    its own, as in the matrix product of a column and a row. A factor of the result's own size is
    scaled, element by element, whatever it is scaled by.
    """
    numbers = product.is_floating_point() or product.is_complex()
    return numbers and all(0 < size < product.numel() for size in sizes)


def distinct(tensor: Tensor) -> int:
    """Count a tensor's numbers without those that ``expand`` repeats."""
    return prod(n for n, step in zip(tensor.shape, tensor.stride(), strict=True) if step or n == 0)


def dotted(function: Any) -> bool:
    """Whether an operator is the product of two vectors."""
    return getattr(function, "_overloadpacket", None) in (aten.dot, aten.vdot)
