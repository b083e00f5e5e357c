"""Kuzushiji-MNIST (Clanuwat et al. 2018): 60,000 + 10,000 cursive Japanese characters."""

from __future__ import annotations

from aelab.data.mnist import MNIST


class KMNIST(MNIST):
    """As MNIST."""

    folder = "KMNIST"
