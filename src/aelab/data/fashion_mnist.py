"""Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 pictures of clothes."""

from __future__ import annotations

from pathlib import Path

from aelab.data.mnist import MNIST


class FashionMNIST(MNIST):
    """As MNIST; Debian's package dataset-fashion-mnist will do instead of a download."""

    folder = "FashionMNIST"
    debian = Path("/usr/share/datasets/fashion-mnist")

    def folders(self) -> tuple[Path, ...]:
        return (*super().folders(), self.debian)

    def advice(self) -> str:
        return super().advice() + ", or install Debian's package: apt-get install dataset-fashion-mnist"
