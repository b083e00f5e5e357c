"""Evaluations against what is known: linear optima, scores of mixtures, true dictionaries, linear classifiers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aelab.data.dictionary import Dictionary
from aelab.data.mixture import Mixture, spiral
from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.pca import fit_pca
from aelab.evaluation.dictionary import DictionaryLearning, atoms_of, largest_cosines, random_directions
from aelab.evaluation.linear_probe import LinearProbe
from aelab.evaluation.linear_theory import LinearTheory
from aelab.evaluation.protocol import Coder, Examples, Part
from aelab.evaluation.score_field import ScoreField, log_density, true_score
from aelab.models import ReLUL1Autoencoder
from aelab.networks import MLP


class Affine:
    """r = B A (x - mean) + mean, with the weights of an L2 penalty."""

    def __init__(self, encoder: np.ndarray, decoder: np.ndarray, mean: np.ndarray, decay: np.ndarray | None = None):
        self.encoder, self.decoder, self.mean, self.weight_decay = encoder, decoder, mean, decay
        self.code_size = len(encoder)

    def encode(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) @ self.encoder.T

    def decode(self, code: np.ndarray) -> np.ndarray:
        return code @ self.decoder.T + self.mean

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        return self.decode(self.encode(x))


def measured(
    question: LinearTheory | ScoreField | DictionaryLearning, coder: Coder, data: Examples
) -> dict[str, float]:
    return {score.metric: score.value for score in question.measure(coder, data)}


# --- linear optima ---


def linear_data() -> tuple[Examples, np.ndarray, np.ndarray]:
    """Examples with their variances and principal directions (columns)."""
    random = np.random.default_rng(0)
    x = random.standard_normal((300, 6)) @ random.standard_normal((6, 6)) + 3
    pca = fit_pca(torch.from_numpy(x))
    return Examples(*(Part(x, None),) * 3, (6,), "made"), pca.variances.numpy(), pca.directions.numpy().T


def test_the_optimum_without_penalty_is_recognised_in_any_axes() -> None:
    """Baldi & Hornik 1989: B A = U_k U_k' for every invertible C in A = C U_k', B = U_k C^-1."""
    data, variances, u = linear_data()
    c = np.array([[2.0, 0.5], [-1.0, 1.0]])
    mean = data.train.x.mean(0)
    coder = Affine(c @ u[:, :2].T, u[:, :2] @ np.linalg.inv(c), mean)
    found = measured(LinearTheory(), coder, data)
    assert found["loss"] == pytest.approx(variances[2:].sum(), rel=1e-6)
    assert found["least_loss"] == pytest.approx(variances[2:].sum(), rel=1e-12)
    assert abs(found["excess"]) < 1e-6 and found["subspace_distance"] < 1e-5
    assert found["axis_alignment"] < 0.99 and "singular_value_error" not in found
    turned = Affine(u[:, [0, 2]].T, u[:, [0, 2]], mean)
    found = measured(LinearTheory(), turned, data)
    assert found["loss"] == pytest.approx(variances[[1, 3, 4, 5]].sum(), rel=1e-6)
    assert found["subspace_distance"] == pytest.approx(1) and found["axis_alignment"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("uneven", [False, True])
def test_the_optimum_with_a_penalty_is_recognised(uneven: bool) -> None:
    """Kunin et al. 2019; Bao et al. 2020: A = B', s_i^2 = 1 - r_i / lambda_i, axes fixed where the r_i differ."""
    data, variances, u = linear_data()
    decay = variances[2] * (np.array([0.3, 0.6, 1.2]) if uneven else np.full(3, 0.5))
    squares = np.clip(1 - decay / variances[:3], 0, None)
    turn = np.eye(3) if uneven else np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    b = u[:, :3] * np.sqrt(squares) @ turn
    found = measured(LinearTheory(), Affine(b.T, b, data.train.x.mean(0), decay[::-1]), data)
    minimum = ((1 - squares) ** 2 * variances[:3] + 2 * decay * squares).sum() + variances[3:].sum()
    assert found["least_loss"] == pytest.approx(minimum, rel=1e-12)
    assert abs(found["excess"]) < 1e-6 and found["subspace_distance"] < 1e-5
    assert found["singular_value_error"] < 1e-6 and found["transpose_error"] < 1e-6
    assert (found["axis_alignment"] > 1 - 1e-6) == uneven
    grown = measured(LinearTheory(), Affine(2 * b.T, b / 2, data.train.x.mean(0), decay), data)
    assert grown["excess"] > 0.01 and grown["transpose_error"] > 1


def test_only_linear_autoencoders_are_measured() -> None:
    class Squares(Affine):
        def encode(self, x: np.ndarray) -> np.ndarray:
            return super().encode(x) ** 2

    data, _, u = linear_data()
    with pytest.raises(UserError, match="not linear; use network=linear"):
        LinearTheory().measure(Squares(u.T, u, np.zeros(6)), data)


# --- scores ---


def mixture_data() -> Examples:
    data = Mixture(train_examples=500, test_examples=400, std=0.25, components=30)
    data.setup()
    parts = [Part(data.examples(part).numpy(), None) for part in ("train", "val", "test")]
    return Examples(*parts, data.shape, "mixture", truth=data.truth())


def test_the_score_is_the_gradient_of_the_blurred_density() -> None:
    """p_std is the mixture with variances s^2 + std^2: against autograd of torch's mixture, and it integrates to 1."""
    data, std = mixture_data(), 1.0
    means = torch.from_numpy(data.truth["means"])
    normal = torch.distributions.MultivariateNormal(means, (0.25**2 + std**2) * torch.eye(2, dtype=torch.float64))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(30, dtype=torch.float64)), normal
    )
    y = (4 * torch.randn(50, 2, dtype=torch.float64)).requires_grad_()
    log_p = mixture.log_prob(y)
    np.testing.assert_allclose(log_density(y.detach().numpy(), data, std), log_p.detach().numpy(), rtol=1e-10)
    (score,) = torch.autograd.grad(log_p.sum(), y)
    np.testing.assert_allclose(true_score(y.detach().numpy(), data, std), score.numpy(), rtol=1e-9, atol=1e-12)
    side = np.linspace(-12, 12, 200)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    assert np.exp(log_density(grid, data, std)).sum() * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=1e-6)


def test_the_best_denoiser_has_no_error_and_no_other_denoises_better() -> None:
    """Miyasawa 1961: E[x | y] = y + std^2 grad log p_std(y), here the posterior mean over components by Bayes' rule."""
    data, std = mixture_data(), 0.5

    class Posterior:
        code_size = 2

        def __init__(self, strength: float) -> None:
            self.strength = strength

        def encode(self, x: np.ndarray) -> np.ndarray:
            return x

        def decode(self, code: np.ndarray) -> np.ndarray:
            return code

        def reconstruct(self, y: np.ndarray) -> np.ndarray:
            means, s2 = data.truth["means"], 0.25**2
            likelihood = np.exp(-((y[:, None].astype(float) - means) ** 2).sum(-1) / (2 * (s2 + std**2)))
            posterior = likelihood / likelihood.sum(1, keepdims=True)
            given = (means * std**2 + y[:, None] * s2) / (s2 + std**2)  # E[x | y, component]
            return y + self.strength * ((posterior[..., None] * given).sum(1) - y)

    question = ScoreField(std)
    best = measured(question, Posterior(1), data)
    assert best["relative_error"] < 1e-12 and best["cosine"] == pytest.approx(1)
    assert best["denoising_error"] == pytest.approx(best["least_error"], rel=1e-6)  # y is in float32
    half = measured(question, Posterior(0.5), data)
    assert half["relative_error"] == pytest.approx(0.25) and half["cosine"] == pytest.approx(1)
    assert half["denoising_error"] > best["denoising_error"]
    linear = {score.metric: score.value for score in question.baselines(data, 2)["pca_shrunk"]}
    assert linear["denoising_error"] > best["denoising_error"] and linear["relative_error"] > 0.1


def test_the_spiral_is_walked_at_one_pace() -> None:
    steps = np.linalg.norm(np.diff(spiral(400), axis=0), axis=1)
    assert steps.std() < 0.01 * steps.mean() and np.abs(spiral(400)).max() <= 5


def test_what_the_score_needs_is_said() -> None:
    data = mixture_data()
    with pytest.raises(UserError, match="its density is not known; use data=mixture"):
        ScoreField().measure(PCACoder(data.train.x, 2), data._replace(truth={}))
    coder = Affine(np.eye(2), np.eye(2), np.zeros(2))
    coder.noise = 0.3  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"std=0.5: the run was trained with corruption.std=0.3; they must agree"):
        ScoreField().measure(coder, data)


# --- dictionaries ---


def test_generated_examples_are_sparse_sums_of_the_atoms() -> None:
    """The atoms' true codes explain the data but for the noise; as many are active as asked for."""
    data = Dictionary(size=32, atoms=20, active=3, noise=0.05, train_examples=2000, test_examples=50)
    data.setup()
    x, atoms = data.examples("train").double().numpy(), data.truth()["atoms"]
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-12)
    code = x @ np.linalg.pinv(atoms)
    residual = x - code @ atoms
    assert residual.var() == pytest.approx(0.05**2 * 12 / 32, rel=0.03)  # noise outside the atoms' 20 dimensions
    assert (code > 0.3).sum(1).mean() == pytest.approx(3, abs=0.15)
    assert code[code > 0.3].mean() == pytest.approx(1, abs=0.05)


def test_the_true_dictionary_is_recovered_by_itself() -> None:
    data = Dictionary(size=8, atoms=4, active=1.5, noise=0, train_examples=300, test_examples=200)
    data.setup()
    atoms = data.truth()["atoms"]
    parts = [Part(data.examples(part).numpy(), None) for part in ("train", "val", "test")]
    examples = Examples(*parts, data.shape, "dictionary", truth=data.truth())
    # two units more: one never active, one a copy
    decoder = np.concatenate([atoms, atoms[:1], atoms[:1]]).T
    encoder = np.concatenate([np.linalg.pinv(atoms).T, np.zeros((2, 8))])
    found = measured(DictionaryLearning(), _Rounded(encoder, decoder, np.zeros(8)), examples)
    assert found["nmse"] < 1e-10 and found["mmcs"] == pytest.approx(1) and found["recovered"] == 1
    assert found["dead_fraction"] == pytest.approx(2 / 6)
    assert found["l0"] == pytest.approx((np.abs(parts[2].x @ np.linalg.pinv(atoms)) > 1e-4).sum(1).mean())
    worse = measured(DictionaryLearning(), _Rounded(encoder[1:4], decoder[:, 1:4], np.zeros(8)), examples)
    assert worse["recovered"] == 0.75
    expected = (3 + np.abs(atoms[1:] @ atoms[0]).max()) / 4
    assert worse["mmcs"] == pytest.approx(expected, abs=1e-6)


class _Rounded(Affine):
    def encode(self, x: np.ndarray) -> np.ndarray:
        code = super().encode(x)
        return np.where(np.abs(code) > 1e-4, code, 0)


def test_chance_in_the_picture_knows_nothing_of_the_atoms() -> None:
    """The dashed line is of random directions, not of those that the data were drawn with from the same seed."""
    data = Dictionary(size=64, atoms=20, train_examples=40, test_examples=5)
    for seed in range(3):
        chance = random_directions(20, 64, seed)
        assert largest_cosines(data.truth()["atoms"], chance).max() < 0.7


def test_atoms_are_what_units_add() -> None:
    coder = Affine(np.eye(3), 2 * np.eye(3)[:, [2, 0, 1]], np.ones(3))
    np.testing.assert_allclose(atoms_of(coder), 2 * np.eye(3)[[2, 0, 1]])
    np.testing.assert_allclose(largest_cosines(np.array([[1.0, 1, 0]]), atoms_of(coder)), [0.5**0.5])


def test_a_penalty_reaches_the_sparsity_it_is_asked_for() -> None:
    """model.k of a variant with a penalty: its weight settles where codes have k active units."""
    torch.manual_seed(0)
    data = Dictionary(size=16, atoms=32, active=3, train_examples=4000, test_examples=10)
    data.setup()
    model = ReLUL1Autoencoder(MLP((16,), 32), code_activation="relu", weight=0.1, k=3, rate=0.02)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    x = data.examples("train")
    before = (model.encode(x) != 0).sum(1).double().mean()
    for step in range(800):
        optimizer.zero_grad()
        terms = model.objective(x[step % 28 * 128 : (step % 28 + 1) * 128])
        terms.loss.backward()
        optimizer.step()
        model.observe(terms.encoding.detach())
    after = (model.encode(x) != 0).sum(1).double().mean()
    assert before > 8 and after == pytest.approx(3, rel=0.15)


# --- linear classifiers ---


def test_linear_classifiers_find_what_is_linear() -> None:
    """Two classes on either side of a hyperplane are told apart; by their distance from it alone they are not."""
    random = np.random.default_rng(0)
    x = random.standard_normal((600, 5)).astype(np.float32)
    x += 0.5 * np.sign(x[:, :1])
    side, far = (x[:, 0] > 0).astype(int), (np.abs(x[:, 0]) > np.median(np.abs(x[:, 0]))).astype(int)
    for labels, low, high in ((side, 0, 0.03), (far, 0.35, 0.65)):
        parts = [Part(x[rows], labels[rows]) for rows in (slice(300), slice(300, 400), slice(400, 600))]
        data = Examples(*parts, (5,), "made")
        beside = LinearProbe().baselines(data, 5)
        for scores in beside.values():
            assert [score.metric for score in scores] == ["logistic_error", "svm_error"]
            assert all(low <= score.value <= high for score in scores), scores
    with pytest.raises(UserError, match=r"classifiers=\[tree\]: choose among logistic, svm"):
        LinearProbe(classifiers=["tree"])
