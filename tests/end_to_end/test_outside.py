"""CONTRIBUTING.md, proved: a variant, a network, an error, a data set and an evaluation from a folder outside."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from matplotlib.text import Text
from run_files import directory_of, manifest_of
from tiny_runs import compose_tiny

import aelab
from aelab.cli.compare import compare
from aelab.comparison.figures.choice import drawings
from aelab.comparison.figures.style import LIGHT
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.trained.evaluate import evaluate

PARTS = {
    "models.py": '''
from aelab.models import Autoencoder


class Centred(Autoencoder):
    """Adds ``weight * |mean code|^2``, and a second penalty in training."""

    unused = ()
    monitor = "val/loss"

    def initialize(self, x):
        self.started_with = len(x)

    def penalties(self, forward, generator=None):
        code = forward.encoding.code
        found = {"penalty": code.mean(-2).square().sum(-1)}
        return found | {"size": code.square().sum(-1).mean(-1)} if self.training else found

    def factor(self, name, penalty):
        return 0.001 if name == "size" else super().factor(name, penalty)
''',
    "networks.py": '''
from torch import nn

from aelab.networks.layers import Affine
from aelab.networks.network import Network


class Plain(Network):
    """One layer each way, and none of the abilities."""

    def __init__(self, shape, code_size, hidden=()):
        super().__init__(shape, code_size, hidden, tied=False)
        self.encoder_layers = nn.ModuleList([Affine(self.input_size, code_size)])
        self.decoder_layers = nn.ModuleList([Affine(code_size, self.input_size)])
        self.decoder_biases = nn.ParameterList()

    def features(self, x):
        return x

    def encode(self, x):
        return self.encoder_layers[0](x)

    def decode(self, code):
        return self.decoder_layers[0](code)

    def jacobian_cost(self):
        return 1 + self.code_size

    def multiplications(self):
        return 2 * self.input_size * self.code_size
''',
    "errors.py": '''
from aelab.objectives import SquaredError


class Halved(SquaredError):
    """Half the squared error of values from 0 to 1."""

    name = "halved"
    label = "half the squared error per example"
    data_range = (0, 1)
    is_squared = False
    decomposition = None

    def __call__(self, output, target):
        return super().__call__(output, target) / 2
''',
    "data.py": '''
import numpy as np

from aelab.data.module import DataModule
from aelab.data.source import Source


class Waves(DataModule):
    """Sines of 12 values."""

    def read(self):
        phase = np.random.default_rng(0).uniform(0, 6, (300, 1))
        return Source(np.sin(phase + np.arange(12)).astype(np.float32), None, None, None)
''',
    "evaluation.py": '''
import numpy as np

from aelab.evaluation.protocol import Score


class Largest:
    """The largest magnitude of a code."""

    def measure(self, coder, data):
        return [Score("largest", float(np.abs(coder.encode(data.test.x)).max()))]

    def baselines(self, data, code_size):
        return {"raw": [Score("largest", float(np.abs(data.test.x).max()))]}

    def pictures(self, coder, data):
        return {}
''',
}
CHOICES = {
    "a variant": ("model._target_=theirs.models.Centred", "model.name=centred", "+model.weight=0.1"),
    "a network": ("network._target_=theirs.networks.Plain", "network.name=plain", "network.hidden=[]",
                  "~network.activation", "~network.tied",
                  "network.output_activation=identity", "~network.output_activation"),
    "an error": ("error._target_=theirs.errors.Halved", "error.name=halved"),
    "a data set": ("data._target_=theirs.data.Waves", "data.name=waves"),
    "an evaluation": ("+evaluation.largest={_target_: theirs.evaluation.Largest, name: largest}",),
}  # fmt: skip

LINEAR = [part for part in CHOICES["a network"] if "output_activation" not in part]


@pytest.fixture(autouse=True)
def _theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "outside" / "theirs"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    for name, text in PARTS.items():
        (folder / name).write_text(text)
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("AELAB_TRUSTED", "theirs")


@pytest.mark.parametrize("kind", CHOICES)
def test_it_trains_is_shown_and_is_opened(kind: str, tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, *CHOICES[kind])
    run(config, [])
    manifest = manifest_of(config)
    assert manifest["status"] == "complete" and "test/error" in manifest["metrics"]
    opened = aelab.load_run(directory_of(config))
    assert opened.encode(opened.reconstruct([[0.5] * opened.model.network.input_size])).shape == (1, 4)
    if kind == "a variant":
        assert {"val/penalty", "test/penalty"} <= set(manifest["metrics"])
        assert "train/size" in (directory_of(config) / "metrics.jsonl").read_text()
        assert manifest["monitor"] == "val/loss"
    if kind == "an evaluation":
        assert "largest/largest" in manifest["metrics"] and "largest/largest_raw" in manifest["metrics"]


@pytest.mark.parametrize("kind", [kind for kind in CHOICES if kind not in ("an error", "an evaluation")])
def test_it_is_stacked(kind: str, tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, *CHOICES[kind], "replicas=bootstrap", "replicas.count=3")
    run(config, [])
    assert manifest_of(config)["replicas"]["chunks"] == 1 and "test/bias2" in manifest_of(config)["metrics"]


def test_an_error_of_ones_own_has_its_own_label_in_figures(tmp_path: Path) -> None:
    """And PCA's error, which is squared, is not drawn beside it."""
    for size in (2, 4):
        run(compose_tiny(tmp_path, *CHOICES["an error"], f"network.code_size={size}"), [])
    comparison = compare([tmp_path / "runs"])
    written = [text.get_text() for one in drawings(comparison) for text in one.paint(LIGHT, "").findobj(Text)]
    assert "half the squared error per example" in written
    assert [group.pca() for group in comparison.groups] == [None, None]
    assert "test/pca_error" in comparison.runs[0].metrics


EVALUATIONS = sorted(path.stem for path in (conf_dir() / "evaluation").glob("*.yaml"))
OF_PLAIN = {  # what a network without abilities cannot answer, or data=digits cannot; all else is answered
    "filters": "evaluation=filters network=plain: .*no filters; leave it out, or ask .* like evaluation=code_health",
    "score_field": "evaluation=score_field: data=digits: its density is not known; use data=mixture",
    "likelihood": r"evaluation=likelihood model=.*: asks for log p\(x\)",
    "codewords": "evaluation=codewords model=.*: asks for codewords",
    "collapse": r"evaluation=collapse model=.*: asks for log p\(x\)",
    "anomaly_detection": "evaluation=anomaly_detection: data=digits: the test part has no anomalies",
    "disentanglement": "evaluation=disentanglement: data=digits: asks for the factors that examples are made of",
    "two_views": "evaluation=two_views: .*use data=parallel_bags",
    "signal_anomalies": "evaluation=signal_anomalies.*data=windows",
    "drug_discovery": "evaluation=drug_discovery .*asks for texts",
    "machine_translation": "evaluation=machine_translation .*asks for texts",
}


def test_every_evaluation_of_a_network_without_abilities_answers_or_says_why_not(tmp_path: Path) -> None:
    """And what the network, not the data, cannot answer is refused before it is trained."""
    pytest.importorskip("skimage")
    config = compose_tiny(tmp_path, *CHOICES["a network"])
    run(config, [])
    for name in EVALUATIONS:
        wanted = compose_tiny(tmp_path, f"evaluation={name}").evaluation
        for key, less in {"max_epochs": 2, "rounds": 10, "iterations": 20, "examples": 100}.items():
            if isinstance(wanted[name].get(key), int):
                wanted[name][key] = less
        if name not in OF_PLAIN:
            assert evaluate(directory_of(config), wanted), name
            continue
        with pytest.raises(UserError, match=OF_PLAIN[name]) as caught:
            evaluate(directory_of(config), wanted)
        assert "\n" not in str(caught.value)
    for more in ((), ("replicas=bootstrap", "replicas.count=2")):
        later = compose_tiny(tmp_path, *CHOICES["a network"], "seed=1", "evaluation=filters", *more)
        with pytest.raises(UserError, match=OF_PLAIN["filters"]):
            run(later, [])
        assert not directory_of(later).joinpath("manifest.json").exists()


def test_what_cannot_be_had_is_refused_before_training(tmp_path: Path) -> None:
    """An error that is not known to split, in replicas; a dictionary of a network without atoms."""
    replicas = ("replicas=bootstrap", "replicas.count=3")
    for overrides, told in (
        ((*CHOICES["an error"], *replicas), "error=halved replicas=bootstrap: it is not known how"),
        ((*LINEAR, "model=top_k"), "atoms are weights that leave the code"),
    ):
        config = compose_tiny(tmp_path, *overrides)
        with pytest.raises(UserError, match=told):
            run(config, [])
        assert not directory_of(config).joinpath("manifest.json").exists()
