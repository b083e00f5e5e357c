"""The papers' blocks of all recipes keep the rules; their figures stand beside those of the runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import write_run

from aelab.cli.compare import compare
from aelab.cli.reproduce import main, write_table
from aelab.comparison.runs import find_runs
from aelab.config.objects import conf_dir
from aelab.errors import UserError
from aelab.fitting.run import run
from aelab.reproducing.judging import rows
from aelab.reproducing.measured import Answer, Measured, answer, summarize
from aelab.reproducing.paper import in_words, picks, read_paper, read_papers
from aelab.reproducing.recipe import Recipe
from aelab.reproducing.record import keep, read_record
from aelab.reproducing.table import Entry, write_page
from aelab.runs.per_example import Contributions, write_contributions

FIGURE = {"metric": "test/mse", "value": 3.0, "unit": "squared error", "where": "Fig. 2", "tag": "V"}
ORDERING = {"metric": "test/mse", "lowest_first": [{"model.name": "a"}, {"model.name": "b"}], "where": "x", "tag": "C"}


def block(figure: dict[str, Any] | None = None, ordering: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"title": "A paper", "figures": [FIGURE | (figure or {})], "orderings": [ORDERING | (ordering or {})]}


@pytest.mark.parametrize("name", sorted(read_papers()))
def test_every_figure_and_ordering_picks_runs_of_its_recipe(name: str) -> None:
    paper, recipe = read_papers()[name], Recipe(name)
    assert recipe.directory.name == name
    for metric, choice in paper.questions():
        found = [run for run, config in recipe.ids().items() if picks(choice, config)]
        assert found, f"{metric} of {in_words(choice)}: no run of experiment={name} is so"


def test_a_recipe_knows_its_runs_by_id() -> None:
    recipe = Recipe("hinton2006_mnist")
    assert len(recipe.ids()) == 4 and len(Recipe("hinton2006_mnist", overrides=["seed=1,2"]).ids()) == 8
    assert set(Recipe("hinton2006_mnist", overrides=["trainer=gpu", "logger=none"]).ids()) == set(recipe.ids())
    assert set(Recipe("hinton2006_mnist", overrides=["seed=5"]).ids()) == set(recipe.ids(seed=5))
    assert not set(Recipe("hinton2006_mnist", "paper").ids()) & set(recipe.ids())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (block({"value": "three"}), "paper.figures[0].value=three: must be a number"),
        (block({"tag": "W"}), "paper.figures[0].tag=W: choose one of V,"),
        (block({"size": "large"}), "paper.figures[0].size=large: choose one of small, paper"),
        (block({"within": -1}), "paper.figures[0].within=-1: must be 0 or more"),
        (block({"unnit": "nats"}), "paper.figures[0].unnit: unknown key"),
        (block({"of": {"model": {"name": "a"}}}), "paper.figures[0].of.model: write the key with dots"),
        (block(ordering={"lowest_first": [{"model.name": "a"}]}), "paper.orderings[0].lowest_first: needs two"),
        ({"title": "A paper"}, "neither figures nor orderings"),
        ({"figures": [FIGURE]}, "paper.title: missing"),
        ("A paper", "paper=A paper: must be a mapping"),
    ],
)
def test_a_block_that_breaks_the_rules_is_named_by_its_key(wrong: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_paper(wrong)
    assert told in str(caught.value)


def found(metric: str, *means: float, half: float | None = None, of: dict[str, Any] | None = None) -> Measured:
    """What runs found, one mean for each model a, b, ... of an ordering; or of a figure."""
    choices = [of or {}] if len(means) == 1 else [{"model.name": name} for name in "abcdef"[: len(means)]]
    answers = [
        Answer(metric, choice, mean, *((mean - half, mean + half) if half is not None else (None, None)), ("run",))
        for choice, mean in zip(choices, means, strict=True)
    ]
    return Measured(tuple(answers), ("run",), ("run",), "2026-01-01", "a machine", 1.0, False, "abc")


@pytest.mark.parametrize(
    ("figure", "size", "verdict", "red"),
    [
        ({"within": 0.3}, "paper", "reproduced (within 0.3)", False),
        ({"within": 0.26}, "paper", "not judged (the interval reaches beyond 0.26)", False),
        ({"within": 0.24}, "paper", "not judged (the interval reaches beyond 0.24)", False),
        ({"within": 0.1}, "paper", "off (by more than 0.1)", True),
        ({"within": 0.1, "tag": "M-h"}, "paper", "off (by more than 0.1)", False),
        ({"within": 0.1, "tag": "V-2nd", "size": "small"}, "small", "off (by more than 0.1)", True),
        ({"within": 0.1}, "small", "", False),
        ({}, "paper", "", False),
    ],
)
def test_a_figure_is_judged_at_its_size_and_turns_red_only_where_it_is_verified(
    figure: dict[str, Any], size: str, verdict: str, red: bool
) -> None:
    paper = read_paper({"title": "t", "figures": [FIGURE | {"times": 784} | figure]})
    (row,) = rows(paper, found("test/mse", 3.25 / 784, half=0.02 / 784), [size])
    assert (row.ours, row.paper, row.difference) == ("3.250 ± 0.020", "3", "+0.25")
    assert (row.verdict, row.red) == (verdict, red)


@pytest.mark.parametrize(
    ("means", "half", "verdict", "red"),
    [
        ((1.0, 2.0), 0.5, "held, not paired", False),
        ((1.0, 1.6), 0.5, "tie within intervals, not paired", False),  # the difference's interval is 0.5 sqrt(2)
        ((2.0, 1.0), 0.5, "reversed, not paired", True),
        ((2.0, 1.0), None, "not judged", False),
        ((1.0, 2.0), None, "not judged", False),
    ],
)
def test_neighbours_of_an_ordering(means: tuple[float, float], half: float | None, verdict: str, red: bool) -> None:
    paper = read_paper({"title": "t", "orderings": [ORDERING]})
    (row,) = rows(paper, found("test/mse", *means, half=half), ["paper"])
    assert (row.verdict, row.red) == (verdict, red)
    assert not rows(paper, found("test/mse", *means, half=half), ["small"])[0].red


def test_neighbours_are_judged_by_paired_differences(tmp_path: Path) -> None:
    """Errors vary much over examples, and hardly between the models: intervals overlap, the difference is clear."""
    draw = np.random.default_rng(0)
    common = draw.normal(5, 3, size=400)
    for index, model in enumerate("abc"):
        errors = common + (0.1, 0.0, 0.2)[index] + 0.1 * draw.normal(size=400)
        mean = float(errors.mean())
        metrics = {
            "test/error": mean,
            "test/mse": mean / 64,
            "test/error_low": mean - 0.3,
            "test/error_high": mean + 0.3,
        }
        path = write_run(tmp_path / model, {"model": {"name": model}}, metrics | {"probe/error": 0.1})
        write_contributions(path, [Contributions({"error": errors}, {}, np.zeros(0))])
        wrong = Contributions({"error": (np.arange(400) < 40 + 20 * index).astype(float)}, {}, np.zeros(0))
        write_contributions(path, [wrong], "probe")
    places = [{"model.name": name} for name in "abc"]
    orderings = [ORDERING | {"metric": metric, "lowest_first": places} for metric in ("test/mse", "probe/error")]
    paper = read_paper({"title": "t", "orderings": [orderings[0] | {"times": 64}, orderings[1]]})
    measured = summarize(find_runs([tmp_path]), paper, ())
    found = rows(paper, measured, ["paper"])
    assert [row.verdict for row in found] == ["reversed", "held", "held", "held"]
    assert [row.red for row in found] == [True, False, False, False]
    assert found[0].difference.startswith("-0.1") and "±" in found[0].difference
    assert found[2].difference.startswith("0.050"), "of an evaluation's examples"
    assert keep(tmp_path, "x", "paper", measured) and read_record(tmp_path, "x") == {"paper": measured}
    (tmp_path / "b" / "per_example.npz").unlink()
    again = summarize(find_runs([tmp_path]), paper, ())
    assert [row.verdict for row in rows(paper, again, ["paper"])][:2] == ["not judged", "not judged"]


def test_a_place_of_an_ordering_may_have_its_own_metric() -> None:
    places = [
        {"model.name": "a"},
        {"metric": "test/pca_error", "network.code_size": 18},
        {"label": "B", "times": 3, "model.name": "b"},
    ]
    paper = read_paper({"title": "t", "orderings": [ORDERING | {"times": 784, "lowest_first": places}]})
    assert [metric for metric, _ in paper.questions()] == ["test/mse", "test/pca_error", "test/mse"]
    measured = found("test/mse", 0.01, 2.0)
    pca = Answer("test/pca_error", {"network.code_size": 18}, 5.0, None, None, ("run",))
    pairs = rows(paper, replace(measured, answers=(*measured.answers, pca)), ["paper"])
    assert [row.ours for row in pairs] == ["7.84 ≥ 5", "5 < 6"]
    assert pairs[1].quantity == "test/mse: code_size 18 < B" and pairs[0].quantity == "test/mse: a < code_size 18"


def test_intervals_over_seeds_or_of_the_run_itself(tmp_path: Path) -> None:
    for seed, value in enumerate((1.0, 2.0, 3.0)):
        write_run(tmp_path / "a" / str(seed), metrics={"test/error": value}, seed=seed)
    rows_of = [{"method": "undercomplete", "metric": "map", "value": 0.5, "low": 0.4, "high": 0.7, "replicas": 1}]
    metrics = {"test/error": 5.0, "test/error_low": 4.8, "test/error_high": 5.3, "retrieval/map": 0.5}
    write_run(tmp_path / "b" / "0", metrics=metrics, evaluations={"retrieval": {"rows": rows_of}})
    seeds, lone = find_runs([tmp_path / "a"]), find_runs([tmp_path / "b"])
    over_seeds = answer("test/error", {"model.name": "undercomplete"}, seeds)
    assert over_seeds and (over_seeds.mean, over_seeds.high) == (2.0, pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-5))
    own, evaluated = answer("test/error", {}, lone), answer("retrieval/map", {"network.hidden": [256, 64]}, lone)
    assert own and own.low == 4.8 and evaluated and (evaluated.low, evaluated.high) == (0.4, 0.7)
    assert answer("test/error", {"model.name": "denoising"}, lone) is None
    write_run(tmp_path / "b" / "1", {"network.code_size": 3}, metrics={"test/error": 6.0, "test/error_se": 0.1})
    mixed = answer("test/error", {}, find_runs([tmp_path / "b"]))
    assert mixed and (mixed.mean, mixed.low) == (5.5, None), "of several settings and one seed there is no interval"


def test_the_table_is_put_between_its_marks_and_kept_across_runs(tmp_path: Path) -> None:
    paper = read_papers()["hinton2006_mnist"]
    measured = found("test/pca_error", 13.9)
    assert keep(tmp_path, "x", "paper", measured) and read_record(tmp_path, "x") == {"paper": measured}
    page = tmp_path / "reproductions.md"
    page.write_text(
        "# Ours\n\nbefore\n\n<!-- table: written by scripts/reproduce.py -->\nold\n<!-- end of the table -->\nafter\n"
    )
    write_page(page, [Entry("hinton2006_mnist", "paper", paper, measured), Entry("x", "small", paper, None)])
    text = page.read_text()
    assert text.startswith("# Ours\n\nbefore\n\n<!--") and text.endswith("<!-- end of the table -->\nafter\n")
    assert "old" not in text and "| 13.9 | 13.87 | +0.03 |" in text and "| x | small | not run |" in text
    write_page(page, [])
    assert page.read_text().count("<!--") == 2
    (tmp_path / "x.json").write_text("{]")
    with pytest.raises(UserError, match="delete it"):
        read_record(tmp_path, "x")


def test_fewer_runs_do_not_replace_more(tmp_path: Path) -> None:
    more = replace(found("test/mse", 1.0), expected=("a", "b"), runs=("a", "b"))
    assert keep(tmp_path, "x", "small", more) and not keep(tmp_path, "x", "small", replace(more, runs=("a",)))
    other = replace(more, expected=("c", "d"), runs=("c",))  # the recipe has changed
    assert keep(tmp_path, "x", "small", other) and read_record(tmp_path, "x")["small"].missing == 1


def test_the_committed_table_is_the_tools(tmp_path: Path) -> None:
    """After merging others' measurements: python scripts/reproduce.py --table."""
    docs = conf_dir().parent / "docs"
    shutil.copytree(docs / "reproductions", tmp_path / "reproductions")
    shutil.copy(docs / "reproductions.md", tmp_path)
    page = write_table(read_papers(), tmp_path)
    assert page.read_text() == (docs / "reproductions.md").read_text()


def test_reproducing_a_paper_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """A recipe of its own, of two tiny runs, one figure of which cannot hold."""
    conf = tmp_path / "conf"
    shutil.copytree(conf_dir(), conf)
    (conf / "experiment" / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("aelab.reproducing.recipe.conf_dir", lambda: conf)
    monkeypatch.setattr("aelab.reproducing.paper.conf_dir", lambda: conf)
    monkeypatch.setattr("aelab.cli.reproduce._sweep", trained)
    common = ["--docs", str(tmp_path)]
    assert main([*common, "tiny", "trainer.max_epochs=2"]) == 0
    out, _ = capfd.readouterr()
    assert "not kept: with trainer.max_epochs=2" in out and not (tmp_path / "reproductions.md").exists()
    assert main([*common, "tiny"]) == 1
    out, told = capfd.readouterr()
    assert "test error of undercomplete" in told and "off (by more than 0.1)" in told and "table: " in out
    record = read_record(tmp_path / "reproductions", "tiny")["small"]
    assert len(record.runs) == 2 == len(record.expected) and record.seconds > 0 and "cores" in record.device
    page = (tmp_path / "reproductions.md").read_text()
    assert "| tiny | small | test error of undercomplete" in page and "hinton2006\\_mnist | paper | not run" in page
    compare([tmp_path / "outputs" / "tiny"])
    assert "No verdicts: run with trainer.max_epochs=2" in (tmp_path / "outputs" / "tiny" / "report.html").read_text()
    for path in (tmp_path / "outputs" / "tiny").glob("*/manifest.json"):
        if "max_epochs=2" in path.read_text():
            shutil.rmtree(path.parent)
    compare([tmp_path / "outputs" / "tiny"])
    report = (tmp_path / "outputs" / "tiny" / "report.html").read_text()
    assert "Beside the paper" in report and "off (by more than 0.1)" in report and "nobody, never" in report
    assert main(common) == 0
    listed = capfd.readouterr().out
    assert "off, 1 row off (yours, 20" in listed and "(kept with the project, 20" not in listed
    assert "of an earlier recipe" not in page
    (conf / "experiment" / "tiny.yaml").write_text(TINY.replace("max_epochs: 1", "max_epochs: 3"))
    assert main([*common, "--table"]) == 0
    assert "| tiny | small (of an earlier recipe) | test error" in (tmp_path / "reproductions.md").read_text()
    assert main([*common, "tinny"]) == 2 and "did you mean tiny?" in capfd.readouterr().err


def test_the_list_needs_no_torch() -> None:
    code = "import sys; from aelab.cli.reproduce import main; main([]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "hinton2006_mnist" in done.stdout, done.stderr


TINY = """\
# @package _global_
defaults:
  - override /data: digits
  - override /logger: none
  - override /scheduler: none
sweep: tiny
data: {batch_size: 128}
optimizer: {lr: 1e-3}
network: {hidden: [8], code_size: 2}
trainer: {max_epochs: 1}
callbacks: {pictures_every: 0}
hydra: {sweeper: {params: {model: "undercomplete,denoising"}}}
paper:
  title: nobody, never
  figures:
    - {metric: test/error, of: {model.name: undercomplete}, value: 0.0, unit: test error of undercomplete,
       where: nowhere, tag: C, within: 0.1, size: small}
  orderings:
    - {metric: test/error, lowest_first: [{model.name: denoising}, {model.name: undercomplete}], where: n, tag: M-l}
"""


def trained(words: list[str]) -> int:
    """The runs of a command line, in this process."""
    added = [word for word in words if not word.startswith("experiment=")]
    for config in Recipe("tiny", overrides=added).configs:
        run(config, words)
    return 0
