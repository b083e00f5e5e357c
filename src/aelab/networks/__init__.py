"""Encoder/decoder pairs and how they are initialised."""

from aelab.networks.centred_mlp import CentredMLP
from aelab.networks.conv import Conv
from aelab.networks.conv1d import Conv1d
from aelab.networks.mlp import MLP
from aelab.networks.network import Linearization, Network
from aelab.networks.one_hot import OneHotMLP
from aelab.networks.recurrent import Recurrent
from aelab.networks.recurrent_numbers import RecurrentNumbers
from aelab.networks.resnet import ResNet
from aelab.networks.seq2seq import Seq2Seq
from aelab.networks.sequence import SequenceNetwork
from aelab.networks.transformer import Transformer
from aelab.networks.vit import ViT

__all__ = [
    "MLP",
    "CentredMLP",
    "Conv",
    "Conv1d",
    "Linearization",
    "Network",
    "OneHotMLP",
    "Recurrent",
    "RecurrentNumbers",
    "ResNet",
    "Seq2Seq",
    "SequenceNetwork",
    "Transformer",
    "ViT",
]
