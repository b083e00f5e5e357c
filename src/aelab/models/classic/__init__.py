"""Bottlenecks, penalties of weights, noise and contraction."""
