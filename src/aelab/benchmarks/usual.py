"""The same training as others do it: Lightning with torchvision and a DataLoader, and libraries where installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from aelab.benchmarks.bare import autoencoder
from aelab.benchmarks.ours import Stopwatch
from aelab.benchmarks.timing import Case, cpu_seconds

Run = Callable[[], float]


class Plain(pl.LightningModule):
    """An autoencoder as tutorials write it: the loss is logged every step."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.net = autoencoder(sizes)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        x = batch[0].flatten(1)
        loss = F.mse_loss(self.net(x), x)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())


def lightning(x: Tensor, sizes: tuple[int, ...], batch_size: int, epochs: int) -> Run:
    """A default Trainer over torchvision's MNIST class with ToTensor; ``x`` ``[N, D]`` are its images."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    class Images(MNIST):
        def __init__(self) -> None:
            super(MNIST, self).__init__("", transform=ToTensor())
            self.data = (x * 255).byte().unflatten(1, (-1, round(x.shape[1] ** 0.5)))
            self.targets = torch.zeros(len(x), dtype=torch.long)

    loader: DataLoader = DataLoader(Images(), batch_size=batch_size, shuffle=True)

    def run() -> float:
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # as Lightning leaves it; our own fits set it to 0
        stopwatch = Stopwatch()
        with tempfile.TemporaryDirectory() as folder:
            trainer = pl.Trainer(
                max_epochs=epochs + 1, accelerator="cpu", default_root_dir=folder, callbacks=[stopwatch]
            )
            trainer.fit(Plain(sizes), loader)
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
        return stopwatch.seconds_per_step(len(loader))

    return run


def peers(x: Tensor, sizes: tuple[int, ...], batch_size: int, epochs: int, against: str) -> Iterator[Case]:
    """Training alone, without what some of them do before and after."""
    arguments = (x, sizes, batch_size, epochs)
    yield Case("scikit-learn MLPRegressor", scikit_learn(*arguments), (against,))
    if find_spec("pyod"):
        yield Case("PyOD AutoEncoder", pyod(*arguments), (against,))
    if find_spec("pythae"):
        yield Case("pythae AE", pythae(*arguments), (against,))


def scikit_learn(x: Tensor, sizes: tuple[int, ...], batch_size: int, epochs: int) -> Run:
    from sklearn.neural_network import MLPRegressor

    values = x.numpy()
    steps = -(-len(x) // batch_size)
    widths = (*sizes[1:], *sizes[-2:0:-1])

    def run() -> float:
        net = MLPRegressor(hidden_layer_sizes=widths, alpha=0, batch_size=batch_size)
        net.partial_fit(values, values)
        return cpu_seconds(lambda: net.partial_fit(values, values), epochs) / steps

    return run


def pyod(x: Tensor, sizes: tuple[int, ...], batch_size: int, epochs: int) -> Run:
    from pyod.models.auto_encoder import AutoEncoder

    class Timed(AutoEncoder):
        seconds = 0.0

        def train(self, train_loader: Any) -> None:
            self.seconds = cpu_seconds(lambda: AutoEncoder.train(self, train_loader)) / epochs / len(train_loader)

    def run() -> float:
        net = Timed(
            preprocessing=False, epoch_num=epochs, batch_size=batch_size, device=torch.device("cpu"), verbose=0,
            optimizer_params={}, hidden_neuron_list=list(sizes[1:]), batch_norm=False, dropout_rate=0.0,
        )  # fmt: skip
        net.fit(x.numpy())
        return net.seconds

    return run


def pythae(x: Tensor, sizes: tuple[int, ...], batch_size: int, epochs: int) -> Run:
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    net = autoencoder(sizes)
    depth = 2 * len(sizes) - 3  # modules of the encoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = net[:depth]

        def forward(self, x: Tensor) -> Any:
            return ModelOutput(embedding=self.net(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = net[depth:]

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.net(z))

    data = BaseDataset(x, torch.zeros(len(x)))

    def run() -> float:
        model = AE(AEConfig(input_dim=(sizes[0],), latent_dim=sizes[-1]), Encoder(), Decoder())
        with tempfile.TemporaryDirectory() as folder:
            settings = BaseTrainerConfig(
                folder, per_device_train_batch_size=batch_size, num_epochs=epochs, learning_rate=1e-3, no_cuda=True
            )
            trainer = BaseTrainer(model, data, training_config=settings)
            trainer.prepare_training()
            return cpu_seconds(lambda: trainer.train_step(1), epochs) / len(trainer.train_loader)

    return run
