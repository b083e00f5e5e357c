"""The contractive penalty ||J_f(x)||_F^2 (Rifai et al. 2011): exact forms and an unbiased estimate.

J_f is the Jacobian of the code with respect to the input; or of the decoder's output with respect to the code, whose
few columns are then what is computed. All functions return the mean over examples, or another ``average`` of them,
``[...]`` for whatever axes stand in front of ``[B, D]``, and can be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from aelab.objectives.randomness import Generators, normal, rademacher

Average = Callable[[Tensor], Tensor]


def over_examples(values: Tensor) -> Tensor:
    """The plain mean ``[...]`` of values ``[..., B]``."""
    return values.mean(-1)


def one_layer(weight: Tensor, slope: Tensor, average: Average = over_examples) -> Tensor:
    """Encoder ``a(W x + b)``: ``sum_j a'_j^2 ||W_j||^2`` (Rifai et al. 2011, eq. 8)."""
    return average((slope.square() @ weight.square().sum(-1).unsqueeze(-1)).squeeze(-1))


def one_hidden_layer(weights: Sequence[Tensor], slope: Tensor, average: Average = over_examples) -> Tensor:
    """Encoder ``W2 a(W1 x + b)`` with a linear code: the quadratic form ``d' Q d``.

    ``d = a'``, ``Q = (W2' W2) * (W1 W1')`` elementwise, so that no Jacobian is ever formed.
    """
    first, second = weights
    q = (second.mT @ second) * (first @ first.mT)
    return average(((slope @ q) * slope).sum(-1))


def chain(
    weights: Sequence[Tensor],
    slopes: Sequence[Tensor],
    code_slope: Tensor | None = None,
    average: Average = over_examples,
) -> Tensor:
    """Any chain of affine layers: the product of layer Jacobians, from the code down to the first layer.

    The first layer enters through its Gram matrix, ``||M W_1||^2 = tr(M W_1 W_1' M')``, so the product stops
    at the width of the first hidden layer.
    """
    product = weights[-1].unsqueeze(-3)
    if code_slope is not None:
        product = product * code_slope.unsqueeze(-1)
    for weight, slope in zip(reversed(weights[1:-1]), reversed(slopes[1:]), strict=True):
        product = (product * slope.unsqueeze(-2)) @ weight.unsqueeze(-3)
    product = product * slopes[0].unsqueeze(-2)
    gram = weights[0] @ weights[0].mT
    return average(((product @ gram.unsqueeze(-3)) * product).sum((-2, -1)))


def exact_by_rows(encode: Callable[[Tensor], Tensor], x: Tensor, average: Average = over_examples) -> Tensor:
    """Any encoder: one vector-Jacobian product for each code value. ``x``: ``[..., B, D]``, one per code."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        code = encode(x)
        rows = [
            torch.autograd.grad(value.sum(), x, create_graph=differentiable, retain_graph=True)[0]
            for value in code.unbind(-1)
        ]
        return average(sum((row.square().sum(-1) for row in rows), torch.zeros(())))


def exact_by_columns(decode: Callable[[Tensor], Tensor], code: Tensor, average: Average = over_examples) -> Tensor:
    """Any decoder: one Jacobian-vector product for each code value of codes ``[..., B, H]``."""
    columns = torch.eye(code.shape[-1], dtype=code.dtype, device=code.device)
    return _squared_products(decode, code, [column.expand_as(code) for column in columns], average)


def columns_estimate(
    decode: Callable[[Tensor], Tensor], code: Tensor, generator: Generators = None, average: Average = over_examples
) -> Tensor:
    """Unbiased estimate of it: ``||J v||^2`` for v of random signs, one for each code."""
    return _squared_products(decode, code, [rademacher(code, generator)], average)


def _squared_products(
    decode: Callable[[Tensor], Tensor], code: Tensor, vectors: Sequence[Tensor], average: Average
) -> Tensor:
    """The sum of ``||J v||^2`` over vectors, averaged over codes; J v is the derivative of J'u with respect to u."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        code = code if code.requires_grad else code.detach().requires_grad_()
        output = decode(code)
        u = torch.zeros_like(output, requires_grad=True)
        (transposed,) = torch.autograd.grad(output, code, u, create_graph=True)
        products = [
            torch.autograd.grad(transposed, u, vector, create_graph=differentiable, retain_graph=True)[0]
            for vector in vectors
        ]
        return average(torch.stack([product.square().flatten(code.ndim - 1).sum(-1) for product in products]).sum(0))


def probe_estimate(
    code: Tensor,
    x: Tensor,
    probes: int = 1,
    generator: Generators = None,
    average: Average = over_examples,
) -> Tensor:
    """Unbiased estimate from code-side vectors v with ``E[v v'] = I``: the mean of ``||v' J||^2``.

    ``code`` ``[..., B, H]`` must have been computed from ``x``, which requires a gradient. One probe is
    Rademacher; several are orthogonal, which has less variance and is exact at ``probes = H``.
    """
    rows = [
        torch.autograd.grad((code * vector).sum(), x, create_graph=True)[0]
        for vector in _probe_vectors(code.detach(), probes, generator)
    ]
    return average(sum((row.square().sum(-1) for row in rows), torch.zeros(()))) / probes


def _probe_vectors(code: Tensor, probes: int, generator: Generators) -> list[Tensor]:
    signs = rademacher(code, generator)
    if probes == 1:
        return [signs]
    # One random orthonormal set a step, flipped by signs of each example: orthogonal within an example,
    # nearly independent between examples, one small QR instead of one an example.
    size = code.shape[-1]
    gaussian = normal(code.new_empty(*code.shape[:-2], size, min(probes, size)), generator)
    directions = torch.linalg.qr(gaussian).Q * size**0.5
    return [signs * column.unsqueeze(-2) for column in directions.unbind(-1)]
