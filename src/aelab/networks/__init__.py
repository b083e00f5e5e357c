"""Encoder/decoder pairs and how they are initialised."""

from aelab.networks.centred_mlp import CentredMLP
from aelab.networks.conv import Conv
from aelab.networks.mlp import MLP
from aelab.networks.network import Linearization, Network
from aelab.networks.resnet import ResNet
from aelab.networks.vit import ViT

__all__ = ["MLP", "CentredMLP", "Conv", "Linearization", "Network", "ResNet", "ViT"]
