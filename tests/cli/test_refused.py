"""A mistake costs one line: what cannot be meant is refused before anything of a run is begun, and leaves nothing."""

from __future__ import annotations

import re
import shlex

import pytest
import torch
from commands import GROUPS, QUICK, Command, left

UNKNOWN = "unknown key; .* takes no such value; leave it out"
CASES = {
    # types
    "network.code_size=abc": "network.code_size=abc: must be int; the default is network.code_size=null",
    "network.code_size=0": "network.code_size=0: must be at least 1",
    "network.code_size=true": "network.code_size=true: must be int",
    "network.hidden=abc": r"network.hidden=abc: must be a list of int; the default is network.hidden=\[256\]",
    "network.hidden=[16,0]": r"network.hidden=\[16, 0\]: every width must be at least 1",
    "network.hidden=[-1]": r"network.hidden=\[-1\]: every width",
    "network.hidden=[[3]]": r"network.hidden=\[\[3\]\]: must be a list of int",
    "network.hidden=null": "network.hidden=null: must be a list of int",
    "network.activation=rulu": "network.activation=rulu: unknown activation; choose one of .*relu",
    "network.tied=3": "network.tied=3: must be bool",
    "data.batch_size=0": "data.batch_size=0: must be at least 1",
    "trainer.max_epochs=-1 trainer.max_time=00:01:00:00": (
        "scheduler=cosine trainer.max_epochs=-1: the rate falls until the last epoch"
    ),
    "data.batch_size=1.5": "data.batch_size=1.5: must be int; the default is data.batch_size=32",
    "data.batch_size=true": "data.batch_size=true: must be int",
    "data.train_size=abc": "data.train_size=abc: must be int or null",
    "data.train_size=100000": "data.train_size=100000: must be from 1 to 1293",
    "data.split_seed=-1": "data.split_seed=-1: must be a whole number of at least 0",
    "seed=9223372036854775808": r"seed=9223372036854775808: must be a whole number from 0 to 2\*\*63 - 1, like seed=0",
    "seed=-1": "seed=-1: must be a whole number",
    "seed=1.5": "seed=1.5: must be a whole number",
    "seed=abc": "seed=abc: must be a whole number",
    "force=abc": "force=abc: must be true or false, like force=false",
    "paths.outputs=null": "paths.outputs=null: must be text, like paths.outputs=outputs",
    "callbacks.pictures_every=-1": "callbacks.pictures_every=-1: must be a whole number of at least 0",
    "callbacks.early_stopping=0": "callbacks.early_stopping=0: must be a whole number of at least 1, or null",
    "logger.mode=foo": "logger.mode=foo: must be auto, online or offline",
    "logger.tags=abc": "logger.tags=abc: must be a list of text",
    # numbers that are none, or impossible
    "model=relu_l1 model.rate=nan": "model.rate=nan: must be a finite number; leave model.rate out",
    "model=relu_l1 model.rate=-1": "model.rate=-1: must be 0 or more",
    "model=relu_l1 model.rate=inf": "model.rate=inf: must be a finite number",
    "model=sparse_l1 model.weight=nan": "model.weight=nan: must be a finite number",
    "model=k_sparse model.k=99": "model.k=99: must be between 1 and network.code_size=4",
    "model=weight_decay model.unit_weights=[1,1,1,nan]": "model.unit_weights=nan: must be a finite number",
    "corruption=masking corruption.probability=2": "corruption.probability=2: must be a probability",
    "corruption=masking corruption.probability=nan": "corruption.probability=nan: must be a finite number",
    "optimizer.lr=nan": "optimizer.lr=nan: must be a finite number",
    "optimizer.lr=0": "optimizer.lr=0: must be a number above 0, like optimizer.lr=0.001",
    "optimizer.lr=-1": "optimizer.lr=-1: must be a number above 0",
    "+optimizer.betas=[2,0.9]": r"optimizer.betas=\[2, 0.9\]: Invalid beta parameter at index 0: 2; leave",
    "+optimizer.betas=3": "optimizer.betas=3: must be a list of 2 values",
    "data.val_fraction=1": "data.val_fraction=1: must be at least 0 and below 1",
    "data.val_fraction=nan": "data.val_fraction=nan: must be a finite number",
    "callbacks.pictures_every={a:1}": "callbacks.pictures_every=.*: must be a whole number",
    "trainer.steps_per_execution={a:1}": "trainer.steps_per_execution=.*: must be auto or",
    "initialization=sparse initialization.connections=0": "initialization.connections=0: must be a whole number",
    "pretraining=rbm pretraining.std=-1": "pretraining.std=-1: must be a number above 0",
    "pretraining=greedy pretraining.lr=0": "pretraining.lr=0: must be a number above 0, or null",
    "optimizer=cg scheduler=none optimizer.tolerance=-1": "optimizer.tolerance=-1: must be a number of 0 or more",
    "optimizer=lbfgs optimizer.line_search_fn=abc": "optimizer.line_search_fn=abc: must be strong_wolfe or null",
    "scheduler=plateau scheduler.factor=2": "scheduler.factor=2: must be between 0 and 1",
    "scheduler.T_max=0": "scheduler.T_max=0: must be a whole number of at least 1",
    "scheduler.T_max=1.5": "scheduler.T_max=1.5: must be",
    "pretraining=rbm pretraining.steps=0 network.activation=sigmoid": "layer 1 of 2: pretraining.steps=0: must be",
    # the trainer
    "trainer.max_epochs=-1": "trainer.max_epochs=-1: would never end; give a number, like trainer.max_epochs=30",
    "trainer.max_epochs=null": "trainer.max_epochs=null: would never end",
    "trainer.max_epochs=-5": "trainer.max_epochs=-5: must be 0",
    "trainer.check_val_every_n_epoch=0": "trainer.check_val_every_n_epoch=0: must be a whole number of at least 1",
    "trainer.check_val_every_n_epoch=9": "trainer.check_val_every_n_epoch=9: no epoch would be validated",
    "trainer.num_nodes=2": "trainer.num_nodes=2: the other machines do not know .* or use trainer.num_nodes=1",
    "trainer.gradient_clip_val=-1": "trainer.gradient_clip_val=-1: must be a number of 0 or more, or null",
    "trainer.max_time=1h": "trainer.max_time=1h: must be days:hours:minutes:seconds, or null",
    "monitor=test/error": "monitor=test/error: must be a metric of validation, or null",
    "trainer.gradient_clip_val=nan": "trainer.gradient_clip_val=nan: must be a finite number",
    "trainer.precision=abc": "trainer.precision=abc: must be one of .*32-true",
    "trainer.strategy=abc": "trainer.strategy=abc: You selected an invalid strategy name",
    "trainer.steps_per_execution=abc": "trainer.steps_per_execution=abc: must be auto or",
    "+trainer.limit_train_batches=-1": "trainer.limit_train_batches=-1: You have passed invalid value",
    "+trainer.foo=3": f"trainer.foo=3: {UNKNOWN}",
    "+trainer.logger=true": "trainer.logger=true: aelab sets this itself; leave it out",
    # devices
    "trainer.accelerator=hpu": "trainer.accelerator=hpu: choose one of cpu, gpu",
    "trainer.devices=0": "trainer.devices=0: must be a number of devices",
    "trainer.devices=[0,0]": r"trainer.devices=\[0, 0\]: must be .*different",
    "trainer.devices=-1": "trainer.devices=-1: on cores a number of processes",
    "trainer.devices=abc": "trainer.devices=abc: must be a number of devices",
    # replicas
    "replicas=bootstrap replicas.vary={optimizer.lr:[0.1]}": r"replicas.vary.*: gone; sweep over the key instead",
    "replicas=bootstrap replicas.count=1": "replicas.count=1: one model has no variance",
    # keys without effect
    "+model.weight=3": f"model.weight=3: {UNKNOWN}",
    "model=top_k network.code_size=9 +model.rate=0.1": f"model.rate=0.1: {UNKNOWN}",
    "+model.seed=3": "model.seed=3: aelab sets this itself",
    "+data.path=x": f"data.path=x: {UNKNOWN}",
    "+nonsense=1": "nonsense=1: unknown key, which nothing makes use of; leave it out",
    "+sed=1": "sed=1: unknown key, which nothing makes use of; did you mean seed",
    "+evaluation.nonsense=1": "evaluation.nonsense=1: unknown key",
    "evaluation=retrieval +evaluation.retrieval.nonsense=1": f"evaluation.retrieval.nonsense=1: {UNKNOWN}",
    "replicas=nested +replicas.count=7": f"replicas.count=7: {UNKNOWN}",
    "+replicas.count=7": "replicas.count=7: unknown key, of which replicas=none makes no use",
    "size=paper": "size=paper: is of a recipe, and there is none; leave it out, or choose experiment=",
    "size=paper experiment=demo": "size=paper: experiment=demo has no such size; leave it out",
    "optimizer=cg scheduler=none +optimizer.lr=1": "optimizer.lr=1: unknown key; .*with '~optimizer.lr' where",
    "hydra.run.dir=x": "hydra.run.dir=x: .*paths.outputs=my/outputs sweep=my_sweep; leave hydra.run.dir out",
    "hydra.sweep.dir=x": "hydra.sweep.dir=x: ",
    "hydra.sweep.subdir=x": "hydra.sweep.subdir=x: ",
    "hydra.job.chdir=true": "hydra.job.chdir=true: ",
    "-m hydra.sweep.dir=x seed=0,1": "hydra.sweep.dir=x: ",
    # what does not go together
    "model=denoising corruption=none": "nothing to denoise",
    "network=conv initialization=pca": "initialization=pca: needs fully connected layers",
    "seed='???'": "cannot be resolved .*Missing mandatory value: seed.*; give a value",
    "model=null": "model=null: a run needs one",
    "~evaluation": "~evaluation: there is none to delete",
    # data
    "data=table data.path=nothing.csv": "data.path=nothing.csv: nothing is there",
    "data=streamed_table data.path=nothing.csv": "data.path=nothing.csv: nothing is there",
    "data=arrays data.path=nothing.npy": "data.path=nothing.npy: nothing is there",
    "data=image_folder data.path=nothing": "data.path=nothing: nothing is there",
    "+data.path='${nowhere}'": r"data.path=\$\{nowhere\}: cannot be resolved .*; give a value",
    "data=arrays": "data.path is not set; name a .npy",
    "data=adbench": "data.table=cardio: no .* fetch it",
}
for _group in (*GROUPS, "paths"):
    CASES[f"+{_group}.nonsense=1"] = f"{_group}.nonsense=1: unknown key.*leave it out"
for _group in ("model", "error", "corruption", "augmentation", "initialization", "pretraining", "optimizer",
               "scheduler", "logger", "paths", "replicas"):  # fmt: skip
    CASES[f"~{_group}"] = f"~{_group}: deleted; a run needs one, like {_group}="
for _group in ("data", "network", "trainer"):
    CASES[f"~{_group} "] = f"~{_group}: deleted; a run needs one"
if not torch.cuda.is_available():
    for _chosen in ("trainer=gpu", "trainer=ddp", "trainer.accelerator=cuda", "trainer.accelerator=tpu"):
        CASES[_chosen] = r"trainer.accelerator=(gpu|cuda|tpu): there is none here .* use trainer=cpu"


SOME = [case if index % 4 == 0 else pytest.param(case, marks=pytest.mark.slow) for index, case in enumerate(CASES)]


@pytest.mark.parametrize("words", SOME)
def test_a_mistake_is_one_line_and_leaves_nothing(command: Command, words: str) -> None:
    given = shlex.split(words)
    multirun = given[:1] == ["-m"]  # which goes first
    status, said = command(*given[:multirun], *QUICK, *given[multirun:])
    assert status == 1
    [line] = said
    assert re.search(CASES[words], line), line
    assert len(line) < 1000
    assert left() == []
