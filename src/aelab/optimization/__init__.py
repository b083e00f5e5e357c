"""Optimisers that search along lines: they evaluate a batch's loss several times a step."""

from aelab.optimization.conjugate_gradients import ConjugateGradients

__all__ = ["ConjugateGradients"]
