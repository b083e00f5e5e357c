"""Quantised codes: Lloyd's step, moving averages by hand, gradients that pass straight, revival, levels and rates."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from tiny_runs import compose_tiny
from torch import Tensor
from torch.testing import assert_close

from aelab.building.build import build_model
from aelab.errors import UserError
from aelab.models import ScalarQuantizedAutoencoder, VectorQuantizedAutoencoder
from aelab.models.base.metrics import ReconstructionMetrics
from aelab.models.quantized.codebooks import Codebooks
from aelab.objectives.quantization import levels
from aelab.objectives.randomness import seeded_generator


def alone(value: Tensor, operation: str) -> Tensor:
    return value


def codebooks(shape: tuple[int, int, int], learned: bool = False, decay: float = 0.9, dead_after: int = 0) -> Codebooks:
    torch.manual_seed(0)
    return Codebooks(shape, learned, decay, dead_after).double()


def vq(*overrides: str, code_size: int = 4, examples: int = 60) -> VectorQuantizedAutoencoder:
    config = compose_tiny(Path("nowhere"), "model=vq_vae", f"network.code_size={code_size}", *overrides)
    model = build_model(config, (6,), torch.randn(examples, 6, generator=seeded_generator(0, 0))).double()
    assert isinstance(model, VectorQuantizedAutoencoder)
    return model


def test_without_memory_a_full_batch_is_a_step_of_k_means() -> None:
    x = np.random.default_rng(0).normal(size=(500, 3))
    books = codebooks((1, 8, 3), decay=0.0)
    books.codewords.copy_(torch.from_numpy(x[:8]))
    books.observe(books(torch.from_numpy(x)), 500, alone)
    known = KMeans(8, init=x[:8], n_init=1, max_iter=1, algorithm="lloyd").fit(x)
    np.testing.assert_allclose(books.codewords[0].numpy(), known.cluster_centers_, rtol=1e-4)
    assert (books(torch.from_numpy(x)).indices[:, 0].numpy() == known.labels_).mean() > 0.99


def test_two_steps_of_the_moving_average_by_hand() -> None:
    books = codebooks((1, 2, 1))
    books.codewords.copy_(torch.tensor([[[0.0], [10.0]]]))
    books.sums.copy_(books.codewords)
    for batch in ([1.0, 2.0, 9.0], [3.0, 11.0, 12.0]):
        books.observe(books(torch.tensor(batch).double()[:, None]), 3, alone)
    counts = [0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 1, 0.9 * (0.9 * 1 + 0.1 * 1) + 0.1 * 2]
    sums = [0.9 * (0.9 * 0 + 0.1 * 3) + 0.1 * 3, 0.9 * (0.9 * 10 + 0.1 * 9) + 0.1 * 23]
    total = sum(counts)
    smooth = [(n + 1e-5) / (total + 2e-5) * total for n in counts]
    assert_close(books.codewords.flatten(), torch.tensor([s / n for s, n in zip(sums, smooth, strict=True)]).double())
    assert_close(books.counts[0], torch.tensor(counts).double())


def test_each_codebook_has_what_those_before_it_left() -> None:
    books = codebooks((3, 5, 2))
    x = torch.randn(40, 2, dtype=torch.float64)
    found = books(x)
    left = x
    for stage in range(3):
        assert_close(found.left[:, stage], left)
        nearest = torch.cdist(left, books.codewords[stage]).argmin(1)
        assert torch.equal(found.indices[:, stage], nearest)
        left = left - books.codewords[stage][nearest]
    books.start(x, 0, by_means=True)
    errors = [(x - books(x).chosen[:, : stage + 1].sum(1)).square().sum() for stage in range(3)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_the_gradient_passes_straight_through(update: str) -> None:
    model = vq(f"model.update={update}", "model.entries=8", "network.hidden=[]", "network=linear", "model.size=2")
    x = torch.randn(7, 6, dtype=torch.float64)
    z = model.network.encode(x).detach().requires_grad_()
    model.network.encode = lambda _: z  # type: ignore[method-assign]
    terms = model.objective(x)
    terms.loss.backward()
    code = terms.encoding.code.detach().requires_grad_()
    model.error(model.output(code), x).mean().backward()
    assert code.grad is not None
    assert_close(z.grad, code.grad + 2 * 0.25 * (z - code).detach() / 7)
    words = model.codebooks.codewords[0]
    distances = torch.cdist(z.detach().view(-1, 2), words.detach())
    assert_close(code.detach().view(-1, 2), words.detach()[distances.argmin(1)])
    if update == "gradient":
        taken = torch.nn.functional.one_hot(distances.argmin(1), 8).double()
        wanted = 2 * (taken.sum(0)[:, None] * words.detach() - taken.mT @ z.detach().view(-1, 2)) / 7
        assert_close(model.codebooks.codewords.grad[0], wanted)  # type: ignore[index]
        assert_close(terms.loss, terms.error + 0.25 * terms.penalties["penalty"] + terms.penalties["codebook"])


@pytest.mark.parametrize("learned", [False, True])
def test_unused_codewords_become_the_vectors_that_are_quantised_worst(learned: bool) -> None:
    books = codebooks((1, 4, 1), learned, dead_after=8)
    with torch.no_grad():
        books.codewords.copy_(torch.tensor([[[0.0], [1.0], [50.0], [60.0]]]))
        if not learned:
            books.sums.copy_(books.codewords)
    x = torch.tensor([[0.1], [0.9], [1.0], [5.0]]).double()
    for step in range(2):
        assert books.idle[0].tolist() == [0, 0, 4 * step, 4 * step]
        with torch.no_grad():
            books.observe(books(x), 4, alone)
    revived = books.codewords[0, 2:, 0].tolist()
    assert revived[0] == pytest.approx(5.0) and revived[1] < 2 and books.idle.sum() == 0
    if not learned:  # a revived codeword starts as the first ones did
        assert_close(books.sums[0, 2:], books.codewords[0, 2:])
        assert books.counts[0, 2:].tolist() == [1, 1]


def test_usage_is_that_of_a_whole_part_and_not_of_a_batch() -> None:
    model = vq("model.entries=8", "model.size=2", "model.stages=2").eval()
    x = torch.randn(50, 6, dtype=torch.float64)
    metrics = ReconstructionMetrics()
    for part in x.split(7):
        metrics.update(part, model.evaluate(part))
    found = metrics.compute(lambda value: value)
    shares = [torch.bincount(model.indices(x)[:, stage].flatten(), minlength=8) / 100 for stage in range(2)]
    entropies = [-sum(p * math.log(p) for p in share.tolist() if p) for share in shares]
    assert found["perplexity"].item() == pytest.approx(np.mean([math.exp(h) for h in entropies]))
    assert found["used"].item() == pytest.approx(np.mean([(share > 0).double().mean() for share in shares]))
    assert found["rate"].item() == pytest.approx(2 * sum(entropies)), "two groups of two values"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (("model.entries=400",), "model.entries=400: more codewords than the 60 vectors"),
        (("model.size=3",), "model.size=3 network.code_size=4: .* use network.code_size=6"),
        (("model.entries=0",), "model.entries=0"),
        (("model.stages=0",), "model.stages=0"),
        (("model.decay=1",), "model.decay=1"),
        (("model.dead_after=-1",), "model.dead_after=-1"),
        (("model.code_activation=relu",), "model.code_activation=relu"),
    ],
)
def test_what_cannot_be_meant_is_one_line(overrides: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        vq(*overrides)
    assert "\n" not in str(caught.value)


# --- levels ---


def fsq(*overrides: str, code_size: int = 4) -> ScalarQuantizedAutoencoder:
    config = compose_tiny(Path("nowhere"), "model=fsq", f"network.code_size={code_size}", *overrides)
    model = build_model(config, (6,), torch.randn(20, 6)).double()
    assert isinstance(model, ScalarQuantizedAutoencoder)
    return model


def test_each_value_has_as_many_levels_as_asked_for() -> None:
    counts = (8, 5, 4, 3, 2)
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None].expand(-1, 5)
    found = levels(z, counts)
    wanted = [range(-4, 4), range(-2, 3), range(-2, 2), range(-1, 2), range(-1, 1)]
    assert [sorted(set(column.int().tolist())) for column in found.unbind(1)] == [list(each) for each in wanted]
    assert (levels(torch.zeros(1, 5, dtype=torch.float64), counts) == 0).all()
    z = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    levels(z, counts).sum().backward()
    half = torch.tensor([(count - 1) * (1 - 1e-3) / 2 for count in counts]).double()
    shift = torch.tensor([math.tan(0.5 / h) if n % 2 == 0 else 0.0 for n, h in zip(counts, half.tolist(), strict=True)])
    assert_close(z.grad, half * (1 - (z.detach() + shift.double()).tanh().square()))


def test_indices_are_all_codewords_each_once() -> None:
    model = fsq("model.levels=[4,3]", code_size=2)
    line = torch.linspace(-4, 4, 41, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    model.network.encode = lambda _: points  # type: ignore[method-assign]
    found = model.infer(points)
    pairs = {
        (*code, index)
        for code, index in zip(found.code.tolist(), found.parts["indices"].flatten().tolist(), strict=True)
    }
    levels_of = product((-1.0, -0.5, 0.0, 0.5), (-1.0, 0.0, 1.0))
    assert pairs == {(a, b, 2 * a + 2 + 4 * (b + 1)) for a, b in levels_of} and model.entries == 12


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.levels=[8,5,5]", r"model.levels=\[8, 5, 5\] network.code_size=4: .* use network.code_size=6"),
        ("model.levels=[8,1]", r"model.levels=\[8, 1\]"),
        ("model.levels=[]", "model.levels"),
    ],
)
def test_levels_that_cannot_be_meant_are_one_line(override: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        fsq(override)
