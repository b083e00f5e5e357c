"""A config may name what is on its group's list: everything else that can be imported is tried, and refused unseen."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from omegaconf import OmegaConf
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from tiny_runs import Composer

from aelab.building.build import build_model, build_trainer
from aelab.config.objects import conf_dir, instantiate
from aelab.config.trust import ABILITIES, BASES, FACTORIES, listed, resolve, trusted_packages
from aelab.errors import UserError

GROUPS = (*BASES, *ABILITIES, "initialization")
ROOTS = ("aelab", "torch.optim", "pytorch_lightning")


def modules(root: str) -> Iterator[ModuleType]:
    """A package and all below it, as far as they can be imported here."""
    package = importlib.import_module(root)
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{root}.", onerror=lambda _: None):
        if found.name.endswith("__main__"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield importlib.import_module(found.name)
            except Exception:  # a part of Lightning for hardware that is not there
                continue


def importable(inner: bool) -> set[str]:
    """Every dotted name at them, what they took from elsewhere included; ``inner``: and one attribute further."""
    names = set()
    for root in ROOTS:
        for module in modules(root):
            for name, value in list(vars(module).items()):
                names.add(f"{module.__name__}.{name}")
                if inner and (inspect.ismodule(value) or inspect.isclass(value)):
                    names |= {f"{module.__name__}.{name}.{deeper}" for deeper in list(vars(value))}
    return names


@pytest.mark.parametrize("inner, least", [(False, 10_000), pytest.param(True, 300_000, marks=pytest.mark.slow)])
def test_whatever_is_not_on_the_list_is_refused_and_nothing_is_imported(inner: bool, least: int) -> None:
    names, conf = importable(inner), conf_dir()
    assert len(names) > least and {"aelab.data.files.packaged.packaged_file", "torch.optim.Adam"} <= names
    before = set(sys.modules)
    built = dict.fromkeys(GROUPS, 0)
    for group in GROUPS:
        allowed = listed(group, conf)
        for name in names - allowed:
            try:
                resolve(group, name, conf)
            except UserError as error:
                assert str(error).startswith(f"{group}._target_={name}: not one of the names")
            else:
                pytest.fail(f"{group} would build {name}")
        for name in allowed:
            built[group] += callable(resolve(group, name, conf))
    assert set(sys.modules) == before
    assert all(built.values()), built


def test_the_lists_hold_classes_of_their_kind_and_functions_for_initialization_alone() -> None:
    for group in GROUPS:
        for name in listed(group, conf_dir()):
            found: Any = resolve(group, name, conf_dir())
            assert inspect.isclass(found) == (group != "initialization"), name
            if group in BASES:
                module, _, base = BASES[group].rpartition(".")
                assert issubclass(found, getattr(importlib.import_module(module), base)), name
            assert all(callable(getattr(found, ability)) for ability in ABILITIES.get(group, ())), name


def test_a_name_is_refused_before_its_module_is_imported(tmp_path: Path) -> None:
    """In a process of its own, with the run's module on ``sys.path``, for every group and every way to spell it."""
    (tmp_path / "outputs" / "runs" / "x").mkdir(parents=True)
    (tmp_path / "outputs" / "runs" / "x" / "mod.py").write_text("open('mark', 'w')\nclass A: pass\n")
    (tmp_path / "aelab_evil.py").write_text("open('mark', 'w')\nclass A: pass\n")
    script = f"""
import json, sys
sys.path.insert(0, "")
from omegaconf import OmegaConf
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from aelab.config.objects import instantiate
from aelab.errors import UserError
told = []
for group in {GROUPS!r}:
    for target in ("outputs.runs.x.mod.A", "outputs.runs.x.mod", "aelab_evil.A", "torch.optim.outputs.runs.x.mod.A",
                   "aelab.data.files.packaged.packaged_file", None, 3, ["a"], {{}}, "", ".", "..",
                   "aelab.models.", ".A"):
        own = {{"_target_": target, "_args_": ["a"], "package": "outputs.runs.x.mod.x", "distribution": "a",
               "file": "b", "name": "c"}}
        for config in (own, own | {{"_target_": "torch.optim.Adam", "deep": [own]}}):
            try:
                instantiate(group, OmegaConf.create(config))
            except UserError as error:
                told.append(str(error))
            else:
                told.append("BUILT")
print(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == 2 * 14 * len(GROUPS) and "BUILT" not in told
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("key", ["_target_", "_args_", "_partial_", "_convert_", "_recursive_", "_mode_", "__class__"])
@pytest.mark.parametrize("group", GROUPS)
def test_no_instruction_to_hydra_is_obeyed(group: str, key: str) -> None:
    for target in sorted(listed(group, conf_dir()))[:3]:
        for values in ({"deep": {key: "os.system"}}, {"deep": [{"er": {key: True}}]}, {key: False}, {key: "a"}):
            if key == "_target_" and key in values:
                continue
            with pytest.raises(UserError, match=rf"{group}\..*{key}="):
                instantiate(group, OmegaConf.create({"_target_": target, **values}))
        if group not in FACTORIES and key == "_partial_":
            with pytest.raises(UserError, match="_partial_=True"):
                instantiate(group, OmegaConf.create({"_target_": target, "_partial_": True}))


# --- a user's own package ---

OWN = """
import subprocess
from subprocess import Popen
from aelab.models import Autoencoder
from aelab.objectives import SquaredError
class Mine(Autoencoder): pass
class Error:
    name, label, kind, event = "own", "absolute error per example", "numbers", 0
    data_range, logits, is_squared, decomposition = None, False, False, None
    def __call__(self, output, target): return (output - target).abs().sum(-1)
    def reconstruction(self, output): return output
    def beside(self, output, target): return {}
class Half:
    __call__ = reconstruction = beside = lambda *arguments: None
    name, label, event, data_range, logits, is_squared = "half", "half", 0, None, False, False
class Other: pass
def function(network, x): pass
"""


@pytest.fixture
def mypackage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for package in ("mypackage", "mypackage_evil"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "models.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.startswith("mypackage")]:
        del sys.modules[name]


@pytest.mark.parametrize("spelling", ["mypackage", "mypackage.", "other., mypackage ,", "mypackage.models"])
def test_a_package_can_be_trusted_for_classes_of_the_groups_kind(
    spelling: str, mypackage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="AELAB_TRUSTED=<your package>"):
        resolve("model", "mypackage.models.Mine", conf_dir())
    assert "mypackage.models" not in sys.modules
    monkeypatch.setenv("AELAB_TRUSTED", spelling)
    assert resolve("model", "mypackage.models.Mine", conf_dir()).__name__ == "Mine"
    assert instantiate("error", OmegaConf.create({"_target_": "mypackage.models.Error"})).name == "own"
    for group, name, told in (
        ("model", "Other", "no subclass of aelab.models"),
        ("model", "function", "no class"),
        ("model", "Missing", "not there"),
        ("model", "Popen", "no subclass"),
        ("model", "subprocess", "no class"),
        ("model", "subprocess.Popen", "cannot be imported"),
        ("error", "Other", "lacks what error needs: reconstruction"),
        ("error", "Half", "lacks what error needs: kind, decomposition;"),
        ("initialization", "function", "no class"),
        ("initialization", "Other", "to be one of aelab's own functions"),
        ("network", "Mine", "no subclass of aelab.networks"),
    ):
        with pytest.raises(UserError, match=told):
            resolve(group, f"mypackage.models.{name}", conf_dir())
    for name in ("mypackage_evil.models.Mine", "mypackag.models.Mine", "xmypackage.models.Mine", "mypackage"):
        with pytest.raises(UserError, match="not one of the names"):
            resolve("model", name, conf_dir())
    assert "mypackage_evil" not in sys.modules


@pytest.mark.parametrize("spelling", ["", ",", ".", " . , ", "..."])
def test_an_empty_list_trusts_nobody(spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AELAB_TRUSTED", spelling)
    assert trusted_packages() == []


# --- what else could be made to import or write ---


@pytest.mark.parametrize(
    "override",
    ["+trainer.callbacks=os.system", "+trainer.plugins=[os.system]", "+trainer.logger=true",
     "+trainer.default_root_dir=elsewhere", "+trainer.model_registry=a", "trainer.strategy=os.system",
     "+trainer.profiler=os.system", "+trainer.callbacks={_target_: os.system}"],
)  # fmt: skip
def test_lightning_is_given_no_more_than_plain_values(override: str, compose: Composer) -> None:
    config = compose(override)
    before = set(sys.modules)
    with pytest.raises((UserError, ValueError, MisconfigurationException), match=r"trainer\.|os\.system|profiler"):
        build_trainer(config, None)
    assert not [name for name in set(sys.modules) - before if not name.startswith(("pytorch_lightning", "lightning"))]


def test_a_mixed_precision_optimizer_that_clips_is_not_fused(compose: Composer) -> None:
    config = compose("trainer.precision=bf16-mixed", "trainer.gradient_clip_val=1.0", "scheduler=none")
    assert build_model(config, (1, 8, 8)).configure_optimizers().defaults["fused"] is False
