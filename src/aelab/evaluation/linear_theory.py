"""A linear autoencoder against what theory says its optimum is: loss, subspace, singular values, axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg import subspace_angles

from aelab.errors import UserError
from aelab.evaluation.baselines.linear import PCACoder
from aelab.evaluation.baselines.pca import fit_pca
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.protocol import Coder, Examples, Score

AFFINE_WITHIN = 1e-3  # of the spread of reconstructions, in float32


class Maps(NamedTuple):
    """Encoder A ``[k, D]`` and decoder B ``[D, k]`` of r = B A x + c, and c ``[D]``."""

    encoder: np.ndarray
    decoder: np.ndarray
    offset: np.ndarray


class LinearTheory:
    """Training loss mean ||x - r||^2 + sum_i r_i (||A_i||^2 + ||B_i||^2) and weights beside their optimum.

    lambda_i are the variances of the training part's principal components u_i, r_1 <= ... <= r_k the weights of the L2
    penalty (``model=weight_decay``), 0 for other models.

    - ``loss``, ``least_loss``, ``excess``: the training loss, the least there is, and loss / least - 1. Without penalty
      the least is sum_(i>k) lambda_i (Baldi & Hornik 1989), with it r_i^2 / lambda_i + 2 r_i s_i^2 for each of the k
      is added (lambda_i itself where r_i exceeds it) (Kunin et al. 2019).
    - ``subspace_distance``: sine of the largest angle between the span of B and that of the u_i it keeps.
    - ``axis_alignment``: mean over the code units that are not off of the largest |cos(B_i, u_j)|. 1 only if the code's
      axes are principal components, which the loss asks for only with r_i that differ (Bao et al. 2020).
    - with a penalty, ``singular_value_error``: max |s_i^2 - (1 - r_i / lambda_i)|, s_i the singular values of B; and
      ``transpose_error``: ||A - B'||_F / ||B||_F.

    Raises UserError for autoencoders that are not affine.
    """

    needs = ("numbers",)

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        maps = affine_maps(coder, data)
        decay = decay_of(coder)
        pca = fit_pca(torch.as_tensor(data.train.x))
        variances = pca.variances.numpy().clip(0)
        directions = pca.directions.numpy()
        loss = training_loss(maps, decay, data.train.x)
        least = least_loss(variances, decay)
        kept = int((expected_squares(variances, decay) > 0).sum())
        left, singular, _ = np.linalg.svd(maps.decoder, full_matrices=False)
        distance = np.sin(subspace_angles(left[:, :kept], directions[:kept].T)).max() if kept else 0.0
        scores = {
            "loss": loss,
            "least_loss": least,
            "excess": loss / least - 1 if least else loss,
            "subspace_distance": distance,
            "axis_alignment": alignment(maps.decoder, directions).max(1).mean(),
        }
        if decay.any():
            scores["singular_value_error"] = np.abs(singular**2 - expected_squares(variances, decay)).max()
            scores["transpose_error"] = np.linalg.norm(maps.encoder - maps.decoder.T) / np.linalg.norm(maps.decoder)
        return [Score(name, float(value)) for name, value in scores.items()]

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        return {"pca": self.measure(PCACoder(data.train.x, code_size), data)}

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        maps = affine_maps(coder, data)
        decay = decay_of(coder)
        pca = fit_pca(torch.as_tensor(data.train.x))
        overlap = alignment(maps.decoder, pca.directions.numpy())
        sheets = {"axes": figure_pixels(lambda axes: _draw_axes(axes, overlap))}
        if decay.any():
            squares = np.linalg.svd(maps.decoder, compute_uv=False) ** 2
            variances = pca.variances.numpy()
            sheets["shrinkage"] = figure_pixels(lambda axes: _draw_shrinkage(axes, squares, variances, decay))
        return sheets


def decay_of(coder: Coder) -> np.ndarray:
    """Weights r_i ``[k]`` of the L2 penalty, smallest first; zeros for a coder that names none."""
    decay = getattr(coder, "weight_decay", None)
    return np.zeros(coder.code_size) if decay is None else np.sort(decay)


def affine_maps(coder: Coder, data: Examples) -> Maps:
    """The matrices of a linear coder, read off what it does to unit vectors; UserError where it is not affine."""
    size = data.train.x.shape[1]
    units = np.eye(size, dtype=np.float32), np.eye(coder.code_size, dtype=np.float32)
    encoder = (coder.encode(units[0]).astype(np.float64) - coder.encode(np.zeros_like(units[0][:1]))).T
    decoder = (coder.decode(units[1]).astype(np.float64) - coder.decode(np.zeros_like(units[1][:1]))).T
    offset = coder.reconstruct(np.zeros_like(units[0][:1]))[0].astype(np.float64)
    x = data.train.x[:200]
    r = coder.reconstruct(x)
    affine = x @ (decoder @ encoder).T + offset
    if np.abs(r - affine).max() > AFFINE_WITHIN * max(np.abs(r).max(), 1e-6):
        raise UserError(
            "this autoencoder is not linear; use network=linear, without a code activation or a sparse code"
        )
    return Maps(encoder, decoder, offset)


def training_loss(maps: Maps, decay: np.ndarray, x: np.ndarray) -> float:
    """mean ||x - r||^2 over x ``[N, D]`` plus the penalty; units are matched to the decays by their own size."""
    residual = x - (x @ maps.encoder.T @ maps.decoder.T + maps.offset)
    by_unit = (maps.encoder**2).sum(1) + (maps.decoder**2).sum(0)
    return float((residual**2).sum(1).mean() + (decay * -np.sort(-by_unit)).sum())


def expected_squares(variances: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """s_i^2 = 1 - r_i / lambda_i, 0 where r_i >= lambda_i: ``[k]`` (Kunin et al. 2019, theorem 2)."""
    top = np.maximum(variances[: len(decay)], np.finfo(np.float64).tiny)
    return np.clip(1 - decay[: len(top)] / top, 0, None)


def least_loss(variances: np.ndarray, decay: np.ndarray) -> float:
    """The least loss of a linear autoencoder of code size ``len(decay)``."""
    top = variances[: len(decay)]
    r = decay[: len(variances)]
    squares = expected_squares(variances, decay)
    return float(((1 - squares) ** 2 * top + 2 * r * squares).sum() + variances[len(decay) :].sum())


def alignment(decoder: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """|cos| between the columns of the decoder that are not 0 and the principal directions (rows): ``[units, D]``."""
    norms = np.linalg.norm(decoder, axis=0)
    used = norms > 1e-4 * norms.max()
    return np.asarray(np.abs((decoder[:, used] / norms[used]).T @ directions.T))


def _draw_axes(axes: Any, overlap: np.ndarray) -> None:
    shown = overlap[:, : 2 * len(overlap)]
    drawn = axes.imshow(shown, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set(xlabel="principal component (from 0)", ylabel="code unit")
    axes.figure.colorbar(drawn, label="|cos| of decoder column and component")


def _draw_shrinkage(axes: Any, squares: np.ndarray, variances: np.ndarray, decay: np.ndarray) -> None:
    component = np.arange(1, len(squares) + 1)
    axes.plot(component, expected_squares(variances, decay), "-", color="0.5", label=r"theory, $1 - r_i / \lambda_i$")
    axes.plot(component, squares, "o", color="#4477aa", label="decoder")
    axes.set(xlabel="component", ylabel="squared singular value", ylim=(0, 1.05))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
