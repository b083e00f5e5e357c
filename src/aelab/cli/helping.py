"""``--help`` of the programs that take ``key=value``: every key with what it means, as ``conf/`` says it."""

from __future__ import annotations

import difflib
import shutil
import textwrap
from collections.abc import Iterator, Sequence

from aelab.config.checking import groups
from aelab.config.described import File, described, explained
from aelab.config.described import choices as choices_of
from aelab.config.objects import conf_dir
from aelab.errors import plain

PLUGINS = ("launcher", "sweeper")
OPTIONAL = ("evaluation", "experiment", "size", "debug")
WORDS = {
    "model": "the variant", "network": "architecture of encoder and decoder", "corruption": "what the encoder sees",
    "augmentation": "training pictures changed anew in every epoch",
    "error": "the reconstruction error that is minimised", "initialization": "starting weights",
    "pretraining": "a start closer to the optimum", "data": "the data set, or your own",
    "replicas": "models trained on samples of the data, for bias and variance", "optimizer": "",
    "scheduler": "of the optimiser's rate", "trainer": "where and for how long", "callbacks": "", "logger": "",
    "paths": "", "evaluation": "one or a list, [retrieval,code_health]: what a code is asked afterwards",
    "experiment": "a recipe", "size": "of a recipe: as large as the paper's", "debug": "a run that only checks",
}  # fmt: skip
FLAGS = """\
-m, --multirun     try every combination of values: model=vae,rae seed=range(3); plan=true only says what would run
--cfg job          print the config instead; --cfg job --package model a part of it
--config-dir DIR   a folder with config groups of your own
--help [GROUP=CHOICE ...]   the keys of these choices; --hydra-help: what Hydra itself takes
--version          aelab's
-sc install=bash   completion with Tab: eval "$(aelab -sc install=bash)" (docs/commands.md)"""


def help_of(name: str, words: Sequence[str]) -> str | None:
    """The text where words ask for help or the version, else None; ``name`` is that of ``conf/<name>.yaml``."""
    if "--version" in words:
        from aelab import __version__

        return f"aelab {__version__}"
    if not {"--help", "-h"} & set(words):
        return None
    chosen = dict(word.lstrip("+").split("=", 1) for word in words if "=" in word)
    return "\n".join(_train(chosen) if name == "train" else _small(name, chosen))


def _train(chosen: dict[str, str]) -> Iterator[str]:
    own = described(conf_dir() / "train.yaml")
    yield "Train an autoencoder, or with -m a sweep of them: aelab train [key=value ...]"
    yield "  aelab train model=contractive data=mnist5k network.code_size=32"
    yield ""
    yield "== Configuration groups == (group=choice; * the default; --help GROUP=CHOICE: its keys)"
    defaults = groups()
    for group in (*defaults, *OPTIONAL):
        found = choices_of(conf_dir() / group)
        marked = [f"{one}*" if one == defaults.get(group) else one for one in found]
        if group == "size":
            marked = sorted(path.name for path in (conf_dir() / group).glob("*/"))
        yield from _wrapped(f"{group}: {', '.join(marked)}", WORDS.get(group, ""))
    yield ""
    yield "== Sweeps == (-m)"
    for plugin in PLUGINS:
        yield from _wrapped(f"hydra/{plugin}: {', '.join(choices_of(conf_dir() / 'hydra' / plugin))}", "")
        for choice in choices_of(conf_dir() / "hydra" / plugin):
            about = described(conf_dir() / "hydra" / plugin / f"{choice}.yaml").about
            yield from _key(f"  {choice}", about[0] if about else "", 18)
    yield ""
    yield "== Keys == (key=value)"
    yield from _listed(own, "")
    for group, default in defaults.items():
        choice = chosen.get(group, default)
        yield from _choice(group, choice)
    for group in ("evaluation", "experiment", "debug"):
        for choice in _several(chosen.get(group, "")):
            yield from _choice(group, choice)
    for plugin in PLUGINS:
        if choice := chosen.get(f"hydra/{plugin}", ""):
            yield from _choice(f"hydra/{plugin}", choice)
    yield ""
    yield "== Options =="
    yield FLAGS


def _small(name: str, chosen: dict[str, str]) -> Iterator[str]:
    """Of a program that takes keys of its own, and of evaluations."""
    own = described(conf_dir() / f"{name}.yaml")
    yield own.about[0].rstrip(":")
    yield from (f"  {line.replace('python scripts/', 'aelab ').replace('.py', '', 1)}" for line in own.about[1:])
    yield ""
    yield "== Keys == (key=value; ??? must be given)"
    yield from _listed(own, "")
    if name == "evaluate":
        yield ""
        yield "== evaluation == (one or a list; --help evaluation=NAME shows its keys)"
        wanted = _several(chosen.get("evaluation", ""))
        for choice in choices_of(conf_dir() / "evaluation"):
            about = described(conf_dir() / "evaluation" / f"{choice}.yaml").about
            yield from _key(f"  {choice}", about[0] if about else "", 28)
        for choice in wanted:
            yield from _choice("evaluation", choice)


def _several(value: str) -> list[str]:
    return [one.strip() for one in value.strip("[]").split(",") if one.strip() not in ("", "null")]


def _choice(group: str, choice: str) -> Iterator[str]:
    path = conf_dir() / group / f"{choice}.yaml"
    if "/" in choice or not path.is_file():
        near = difflib.get_close_matches(choice, choices_of(conf_dir() / group), 1)
        yield plain(f"{group}={choice}: no such choice{f', did you mean {near[0]}?' if near else ''}")
        return
    found = explained(path)
    prefix = f"{group.replace('hydra/', 'hydra.')}." + (f"{choice}." if group == "evaluation" else "")
    if group in ("experiment", "debug"):
        yield f"{group}={choice}" + (f": {found.about[0]}" if found.about else "")
        return
    yield f"{group}={choice}" + (f": {found.about[0]}" if found.about else "")
    yield from _listed(found, prefix)


def _listed(file: File, prefix: str) -> Iterator[str]:
    for key in file.keys:
        yield from _key(f"  {prefix}{key.name}={key.value}" if key.value else f"  {prefix}{key.name}", key.comment, 40)


def _key(left: str, right: str, width: int) -> Iterator[str]:
    """Two columns; the right one is wrapped."""
    room = max(20, _columns() - width - 1)
    lines = textwrap.wrap(right, room) or [""]
    if len(left) >= width:
        yield left
    else:
        yield f"{left:<{width}} {lines.pop(0)}".rstrip()
    yield from (f"{'':<{width}} {line}" for line in lines if line)


def _columns() -> int:
    return max(60, min(120, shutil.get_terminal_size((100, 24)).columns))


def _wrapped(text: str, about: str) -> Iterator[str]:
    """A list of choices, and below it what they are."""
    yield from textwrap.wrap(text, _columns(), subsequent_indent="    ", break_on_hyphens=False)
    if about:
        yield f"    {about}"
