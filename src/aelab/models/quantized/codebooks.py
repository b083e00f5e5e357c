"""Codebooks: codewords that follow the vectors that choose them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from aelab.errors import UserError
from aelab.models.base.processes import process_count, process_rank
from aelab.objectives.quantization import nearest, taken
from aelab.objectives.waiting import none_for_sure

SMALL = 1e-5  # of a count that is smoothed, so that an unused codeword stays finite
MOST_VECTORS = 10_000  # from which codewords start

Across = Callable[[Tensor, str], Tensor]


class Quantized(NamedTuple):
    """Vectors ``left`` for each of S codebooks ``[..., N, S, d]``, the codewords ``chosen`` for them, the same, and
    their ``indices`` ``[..., N, S]``."""

    left: Tensor
    chosen: Tensor
    indices: Tensor


class Codebooks(nn.Module):
    """S codebooks of C codewords of d values ``[S, C, d]``, each for what the ones before it have left of a vector.

    ``learned``: codewords are parameters; else they are averages of the vectors that chose them: with each batch
    ``N <- decay N + (1 - decay) n`` and ``S <- decay S + (1 - decay) sum z`` of each codeword, which is then S over the
    smoothed N (van den Oord et al. 2017, app. A.1). ``dead_after``: examples after which a codeword that nobody has
    chosen becomes the vector that is quantised worst; 0 for never.
    """

    codewords: Tensor
    counts: Tensor
    sums: Tensor
    idle: Tensor

    def __init__(self, shape: tuple[int, int, int], learned: bool, decay: float, dead_after: int) -> None:
        super().__init__()
        for key, value in (("stages", shape[0]), ("entries", shape[1])):
            if value < 1:
                raise UserError(f"model.{key}={value}: must be at least 1")
        if not 0 <= decay < 1:
            raise UserError(f"model.decay={decay}: must be at least 0 and below 1")
        if dead_after < 0:
            raise UserError(f"model.dead_after={dead_after}: must be a number of examples, or 0 for never")
        self.learned = learned
        self.decay = decay
        self.dead_after = dead_after
        start = torch.randn(shape)
        if learned:
            self.codewords = nn.Parameter(start)
        else:
            self.register_buffer("codewords", start)
            self.register_buffer("counts", torch.ones(shape[:2]))
            self.register_buffer("sums", start.clone())
        self.register_buffer("idle", torch.zeros(shape[:2], dtype=torch.int64))

    def forward(self, vectors: Tensor, indices: Tensor | None = None) -> Quantized:
        """Vectors ``[..., N, d]`` by the codebooks as they are; what is left passes no gradient to codewords.

        ``indices``: ``[..., N, S]``, where they are known.
        """
        found = []
        # a revival writes in place before the gradient is taken
        every = self.codewords.clone() if self.learned else self.codewords
        for stage, codewords in enumerate(every.unbind(-3)):
            index = nearest(vectors.detach(), codewords.detach()) if indices is None else indices[..., stage]
            chosen = taken(codewords, index)
            found.append((vectors, chosen, index))
            vectors = vectors - chosen.detach()
        left, words, numbers = zip(*found, strict=True)
        return Quantized(torch.stack(left, -2), torch.stack(words, -2), torch.stack(numbers, -1))

    @torch.no_grad()
    def start(self, vectors: Tensor, seed: int, by_means: bool) -> None:
        """Codewords from training vectors ``[N, d]``: k-means, or vectors drawn without replacement."""
        entries = self.codewords.shape[-2]
        if len(vectors) < entries:
            raise UserError(
                f"model.entries={entries}: more codewords than the {len(vectors)} vectors that the training part gives "
                "(examples x groups); use fewer entries"
            )
        generator = torch.Generator().manual_seed(seed)
        vectors = vectors[torch.randperm(len(vectors), generator=generator)[: max(entries, MOST_VECTORS)]]
        for codewords in self.codewords.data:
            codewords.copy_(_means(vectors, entries, seed) if by_means else vectors[:entries])
            vectors = vectors - taken(codewords, nearest(vectors, codewords))
        if not self.learned:
            self.sums.copy_(self.codewords)

    @torch.no_grad()
    def observe(self, quantized: Quantized, examples: int, across: Across, weights: Tensor | None = None) -> None:
        """Take a batch's vectors, of so many examples, into the averages, and revive codewords that are not used.

        ``weights``: what each vector counts, ``[..., N]``."""
        numbers = torch.arange(self.codewords.shape[-2], device=quantized.indices.device)
        one = (quantized.indices.unsqueeze(-1) == numbers).to(quantized.left)
        one = one.transpose(-3, -2)  # [..., S, N, C]
        if weights is not None:
            one = one * weights.to(one)[..., None, :, None]
        counts = across(one.sum(-2), "sum")
        if not self.learned:
            sums = across(one.mT @ quantized.left.transpose(-3, -2), "sum")
            self.counts.lerp_(counts.to(self.counts), 1 - self.decay)
            self.sums.lerp_(sums.to(self.sums), 1 - self.decay)
            total = self.counts.sum(-1, keepdim=True)
            smooth = (self.counts + SMALL) / (total + counts.shape[-1] * SMALL) * total
            self.codewords.copy_(self.sums / smooth.unsqueeze(-1))
        seen = across(torch.full((), examples, device=counts.device), "sum")
        self.idle.add_(seen).mul_(counts == 0)
        if self.dead_after:
            self._revive(quantized, across)

    def _revive(self, quantized: Quantized, across: Across) -> None:
        """Codewords unused for long become the batch's worst-quantised vectors, of all processes."""
        dead = self.idle >= self.dead_after
        if none_for_sure(dead):
            return
        wrong = (quantized.left - quantized.chosen).square().sum(-1).mT  # [..., S, N]
        entries = dead.shape[-1]
        worst = wrong.topk(min(wrong.shape[-1], entries))
        vectors = torch.take_along_dim(quantized.left.transpose(-3, -2), worst.indices.unsqueeze(-1), -2)
        missing = entries - worst.indices.shape[-1]
        distances = _of_all(pad(worst.values, (0, missing), value=-1.0), -1, across)
        vectors = _of_all(pad(vectors, (0, 0, 0, missing)), -2, across)
        worst = distances.topk(entries)
        place = (dead.cumsum(-1) - 1).clamp(min=0)
        dead = dead & (worst.values.gather(-1, place) >= 0)
        order = worst.indices.gather(-1, place)
        revived = torch.take_along_dim(vectors, order.unsqueeze(-1), -2)
        self.codewords.copy_(torch.where(dead.unsqueeze(-1), revived, self.codewords))
        self.idle.mul_(~dead)
        if not self.learned:
            self.sums.copy_(torch.where(dead.unsqueeze(-1), revived, self.sums))
            self.counts.masked_fill_(dead, 1.0)


def _of_all(value: Tensor, axis: int, across: Across) -> Tensor:
    """What every process has, one behind the other along an axis, counted from behind."""
    every = value.new_zeros((process_count(), *value.shape))
    every[process_rank()] = value
    return across(every, "sum").movedim(0, axis - 1).flatten(axis - 1, axis)


def _means(vectors: Tensor, count: int, seed: int) -> Tensor:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1), warnings.catch_warnings():  # the same result on every machine
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different vectors than codewords: some are equal
        fitted: Any = KMeans(count, n_init=1, random_state=seed % 2**32).fit(vectors.double().cpu().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(vectors)
