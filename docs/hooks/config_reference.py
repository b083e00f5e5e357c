"""Pages of every config group and program, and the keys at the end of each variant's and evaluation's page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from described import CONF, STRUCTURAL, Key, choice, choices, groups

PROGRAMS = ("train", "compare", "evaluate", "score", "export", "reproduce")
GROUPS = {
    "augmentation": "Training pictures changed anew in every epoch: [pictures](../pictures.md#augmentation).",
    "callbacks": "What happens while a model trains.",
    "corruption": "What the encoder sees in training: any model can be trained to undo a corruption.",
    "data": "What is learned. Your own data: [guide](../data.md).",
    "debug": "Short cuts for finding out what is wrong.",
    "error": "The reconstruction error that is minimised: [likelihoods](../variants.md#errors-that-are-likelihoods).",
    "evaluation": "What a code is asked after training. One page each: [evaluations](../evaluation.md).",
    "experiment": "Recipes, `python scripts/train.py -m experiment=<name>`, also [of papers](../reproductions.md).",
    "hydra/launcher": "Where the runs of a sweep are fitted, and with whom: [many runs at once](../clusters.md).",
    "hydra/sweeper": "How a sweep chooses what to try: [search](../search.md).",
    "initialization": "Starting weights.",
    "logger": "Where metrics go beside the run's directory: [W&B](../wandb.md).",
    "model": "The variant. One page each: [variants](../variants.md).",
    "network": "Encoder and decoder.",
    "optimizer": "How weights are changed: [optimisers](../pretraining.md#optimisers).",
    "paths": "Where things lie.",
    "pretraining": "A start closer to the optimum: [pretraining](../pretraining.md).",
    "replicas": "Which K training sets, so that the error splits into bias² and variance: [replicas](../replicas.md).",
    "scheduler": "How the learning rate changes.",
    "size": "How large a recipe is: `size=paper` is what a paper would use. Files in `conf/size/paper` say what grows.",
    "trainer": "On what a model is trained, and for how long.",
}


def on_files(files: Files, config: Any, **_: Any) -> Files:
    for name, content in pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A variant's page ends with its keys and its class; an evaluation's with its keys."""
    parts = page.file.src_uri.split("/")
    group = {"variants": "model", "evaluation": "evaluation"}.get(parts[0])
    file = CONF / f"{group}" / parts[-1].replace(".md", ".yaml")
    if len(parts) != 2 or not file.exists():
        return markdown
    of = next(one for one in choices(group) if one.name == file.stem)
    ending = f"\n\n## Keys\n\n{_table(of.keys, f'{group}.' if group == 'model' else f'evaluation.{of.name}.')}"
    return markdown + ending + (f"\n\n## Class\n\n::: {of.target}\n" if group == "model" else "")


def pages() -> dict[str, str]:
    """Markdown of every generated page, by its place in the site."""
    made = {f"reference/{_slug(group)}.md": _group_page(group) for group in groups()}
    made["reference/programs.md"] = _programs()
    made["reference/config.md"] = _index()
    return made


def _slug(group: str) -> str:
    return group.replace("/", "_")


def _index() -> str:
    rows = [
        f"| [`{group}`]({_slug(group)}.md) | {GROUPS[group].replace('](../', '](../')} | "
        f"{' '.join(f'`{of.name}`' for of in choices(group))} |"
        for group in groups()
    ]
    return "\n".join(
        [
            "# Config groups",
            "",
            "A run is one choice of each group, and any key of it: `train.py model=vae model.weight=0.1`.",
            "A key is written behind its group's name and a dot. What stands here is read from `conf/` and docstrings",
            "when the site is built. Keys that stand in no group are those of the [programs](programs.md).",
            "",
            "| group | what it is | choices |",
            "|---|---|---|",
            *rows,
            "",
            "Three keys are in many files and are not listed: "
            + "; ".join(f"`{key}`, {meaning}" for key, meaning in STRUCTURAL.items())
            + ".",
        ]
    )


def _group_page(group: str) -> str:
    lines = [f"# {group}", "", GROUPS[group]]
    if group in ("experiment", "size"):
        lines += ["", "| choice | |", "|---|---|"]
        return "\n".join(lines + [f"| `{of.name}` | {_cell(of.about)} |" for of in choices(group)])
    before = f"{group.replace('/', '.')}."
    for of in choices(group):
        prefix = f"evaluation.{of.name}." if group == "evaluation" else "" if group == "debug" else before
        lines += ["", f"## {of.name}", "", f"`{group}={of.name}`{': ' if of.about else ''}{_cell(of.about)}"]
        if (CONF.parent / "docs" / {"model": "variants"}.get(group, group) / f"{of.name}.md").exists():
            folder = {"model": "variants"}.get(group, group)
            lines += ["", f"More: [{of.name}](../{folder}/{of.name}.md)."]
        if of.target:
            lines += ["", f"Made by `{of.target}`."]
        if of.keys:
            lines += ["", _table(of.keys, prefix)]
    return "\n".join(lines)


def _programs() -> str:
    lines = ["# Programs", "", "Keys that stand in no group, program by program. `--help` of each prints them."]
    for name in PROGRAMS:
        file = CONF / f"{name}.yaml"
        if file.exists():
            of = choice(file)
            lines += ["", f"## {name}.py", "", of.about, "", _table(of.keys, "")]
    return "\n".join(lines)


def _table(keys: tuple[Key, ...], prefix: str) -> str:
    if not keys:
        return "None of its own."
    rows = [f"| `{prefix}{key.name}` | `{key.default}` | {_cell(key.meaning)} |" for key in keys]
    return "\n".join(["| key | default | |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    """Text of a comment inside a table: bars and angle brackets are no Markdown."""
    kept = text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return kept.replace("[", "\\[") if "](" not in kept else kept
