"""What a denoising autoencoder of two languages is worth as the start of a translator, with few pairs and with many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from aelab.errors import UserError
from aelab.evaluation.baselines.word_by_word import Memory, WordByWord
from aelab.evaluation.images.sheets import figure_pixels
from aelab.evaluation.measures.translations import Judged, chrf, judged, signatures
from aelab.evaluation.protocol import Coder, Examples, Score

WAYS = {"pretrained": "", "scratch": "scratch_", "longer": "longer_scratch_"}
SHOWN = {
    "pretrained": "pretrained",
    "scratch": "from scratch, equal fine-tuning",
    "longer": "from scratch, equal total",
}
COLORS = ("#4477aa", "#ee6677", "#228833")


class PairsOf(NamedTuple):
    """Sentences of one part that have a translation: ``source`` and ``target`` ``[N, T]``, and as texts."""

    source: np.ndarray
    target: np.ndarray
    source_texts: list[str]
    target_texts: list[str]


class MachineTranslation:
    """BLEU and chrF, from 0 to 100, of a run that is taught to translate from ``pairs`` pairs of the training part: a
    list of numbers, where null is all of them; numbers beyond all are left out.

    Translators are fine-tuned for ``steps`` of Adam at ``lr``, and the weights of the best chrF on ``val_asked`` pairs
    of val, taken every ``every`` steps, are kept. ``asked`` test pairs are translated; null: all. With 500 pairs:

    - ``chrf_500``, ``bleu_500``: from the run's weights, the likeliest symbol each time; ``chrf_beam_500``,
      ``bleu_beam_500``, the likeliest of ``beam`` sentences that are followed (null: none are).
    - ``scratch_chrf_500``, ...: from random weights, the same fine-tuning. ``longer_scratch_chrf_500``, ...: from
      random weights, for as many steps as pretraining and fine-tuning take together.
    - ``gain_500``: how much higher the run's chrF is than that of ``longer_scratch``, by the paired bootstrap;
      ``gain_equal_tuning_500``, than that of ``scratch``.

    Beside it: ``copy`` of the source; ``memory``, the translation of the most similar source among the same pairs;
    ``word_by_word``, IBM's model 1 learned from them.
    """

    needs = ("texts", "writes")

    def __init__(
        self,
        pairs: list[int | None] | tuple[int | None, ...] = (500, 1000, 2000, 5000, None),
        steps: int = 400,
        every: int = 50,
        lr: float = 2e-3,
        batch_size: int = 64,
        asked: int | None = 300,
        val_asked: int = 100,
        beam: int | None = 4,
        total: bool = True,
    ) -> None:
        for key, value in {"steps": steps, "every": every, "batch_size": batch_size, "val_asked": val_asked}.items():
            if value < 1:
                raise UserError(f"evaluation.machine_translation.{key}={value}: must be at least 1")
        if not pairs or any(count is not None and count < 2 for count in pairs):
            raise UserError(f"evaluation.machine_translation.pairs={list(pairs)}: numbers of at least 2, or null")
        if (asked is not None and asked < 2) or (beam is not None and beam < 1):
            raise UserError(
                f"evaluation.machine_translation.asked={asked} beam={beam}: at least 2 and at least 1, or null"
            )
        self.pairs = pairs
        self.steps = steps
        self.every = every
        self.lr = lr
        self.batch_size = batch_size
        self.asked = asked
        self.val_asked = val_asked
        self.beam = beam
        self.total = total
        self.known: dict[int, dict[str, dict[str, tuple[Any, Judged]]]] = {}
        self.examples: list[str] = []

    def check_texts(self, name: str, part: str, texts: Sequence[str] | None, rows: np.ndarray) -> None:
        """UserError where a part has not two pairs of sentences, ``rows`` being that of each, or sacrebleu is not
        here."""
        signatures()
        pairs = len(rows) - len(np.unique(rows))
        if texts is None or not all(text.startswith("<") for text in texts):
            raise UserError(f"data={name}: this evaluation needs sentences of two languages; use data=parallel_text")
        if pairs < 2:
            raise UserError(
                f"data={name}: {pairs} pair(s) of sentences in the {part} part, and 2 are needed; use "
                f"data.train_size=null, or more of data.{part}_fraction"
            )

    def facts(self, data: Examples) -> dict[str, Any]:
        parts = {part: len(_pairs_of(data, part).source) for part in ("train", "val", "test")}
        return {"pairs": parts, "asked": min(self.asked or parts["test"], parts["test"])} | signatures()

    def measure(self, coder: Coder, data: Examples) -> list[Score]:
        found: list[Score] = []
        test = self._some(data, "test", self.asked)
        for name, ways in self._taught(coder, data).items():
            for way, (taught, result) in ways.items():
                found += [score._replace(metric=WAYS[way] + score.metric) for score in result.scores(name)]
                if self.beam:
                    by_beam = judged(self._written(coder, taught.model, test, data, self.beam), test.target_texts)
                    found += [
                        score._replace(metric=WAYS[way] + score.metric) for score in by_beam.scores(f"beam_{name}")
                    ]
            own = ways["pretrained"][1]
            for way, metric in {"longer": "gain", "scratch": "gain_equal_tuning"}.items():
                if way in ways:
                    found.append(own.minus(ways[way][1], f"{metric}_{name}"))
        return found

    def baselines(self, data: Examples, code_size: int) -> Mapping[str, list[Score]]:
        test = self._some(data, "test", self.asked)
        train = _pairs_of(data, "train")
        found: dict[str, list[Score]] = {"copy": [], "memory": [], "word_by_word": []}
        for name, rows in self._chosen(data).items():
            sources, targets = ([side[row] for row in rows] for side in (train.source_texts, train.target_texts))
            methods: dict[str, Any] = {"memory": Memory(sources, targets), "word_by_word": WordByWord(sources, targets)}
            found["copy"] += judged(test.source_texts, test.target_texts).scores(name)
            for method, translator in methods.items():
                found[method] += judged(translator.translate(test.source_texts), test.target_texts).scores(name)
        return found

    def pictures(self, coder: Coder, data: Examples) -> Mapping[str, np.ndarray]:
        taught = self._taught(coder, data)
        counts = [len(rows) for rows in self._chosen(data).values()]
        beside = self.baselines(data, coder.code_size)
        return {"pairs": figure_pixels(lambda axes: _curves(axes, counts, taught, beside), 8, 4.5)}

    # --- parts ---

    def _taught(self, coder: Any, data: Examples) -> dict[str, dict[str, tuple[Any, Judged]]]:
        """By number of pairs and by way; once for each coder."""
        if id(coder) not in self.known:
            fresh = coder.drawn_anew(data.seed + 1)
            starts = {"pretrained": (coder.model, self.steps), "scratch": (fresh, self.steps)}
            if self.total:
                starts["longer"] = (fresh, self.steps + coder.steps)
            train = _pairs_of(data, "train")
            test = self._some(data, "test", self.asked)
            self.known[id(coder)] = {
                name: {way: self._of(coder, start, train, rows, test, data) for way, start in starts.items()}
                for name, rows in self._chosen(data).items()
            }
        return self.known[id(coder)]

    def _of(
        self, coder: Any, start: tuple[Any, int], train: PairsOf, rows: np.ndarray, test: PairsOf, data: Examples
    ) -> tuple[Any, Judged]:
        val = self._some(data, "val", self.val_asked)
        taught = coder.teach(
            start[0], train.source[rows], train.target[rows], start[1], max(1, self.every * start[1] // self.steps),
            self.lr, self.batch_size, data.seed,
            lambda model: chrf(self._written(coder, model, val, data), val.target_texts),
        )  # fmt: skip
        return taught, judged(self._written(coder, taught.model, test, data), test.target_texts)

    def _written(self, coder: Any, model: Any, pairs: PairsOf, data: Examples, width: int | None = None) -> list[str]:
        return _bare(data, coder.translate(model, pairs.source, int(pairs.target[0, 0]), width))

    def _chosen(self, data: Examples) -> dict[str, np.ndarray]:
        """Rows of the training pairs by their number; a smaller choice is part of a larger one."""
        count = len(_pairs_of(data, "train").source)
        order = np.random.default_rng(data.seed).permutation(count)
        found = {str(number): order[:number] for number in self.pairs if number is not None and number < count}
        return found | ({"all": order} if None in self.pairs or not found else {})

    def _some(self, data: Examples, part: str, limit: int | None) -> PairsOf:
        pairs = _pairs_of(data, part)
        rows = np.random.default_rng(data.seed).permutation(len(pairs.source))[:limit]
        texts = ([side[row] for row in rows] for side in pairs[2:])
        return PairsOf(pairs.source[rows], pairs.target[rows], *texts)


def _pairs_of(data: Examples, part: str) -> PairsOf:
    """Of the two languages of a part, the first of whose examples are of the source; UserError where there are not
    two."""
    examples = getattr(data, part)
    languages = None if examples.labels is None else list(dict.fromkeys(examples.labels))
    rows = data.rows.get(part)
    if languages is None or rows is None or len(languages) != 2:
        raise UserError(f"data={data.name}: the {part} part has no pairs of sentences; use data=parallel_text")
    first, second = (np.flatnonzero(examples.labels == language) for language in languages)
    _, of_first, of_second = np.intersect1d(rows[first], rows[second], return_indices=True)
    x = examples.x[first[of_first]]
    y = examples.x[second[of_second]]
    return PairsOf(x, y, _bare(data, x), _bare(data, y))


def _bare(data: Examples, sequences: np.ndarray) -> list[str]:
    """As texts, without the language that each begins with."""
    assert data.spell is not None
    return [text.partition(">")[2].strip() for text in data.spell(sequences)]


def _curves(
    axes: Any,
    counts: list[int],
    taught: Mapping[str, Mapping[str, tuple[Any, Judged]]],
    beside: Mapping[str, list[Score]],
) -> None:
    for way, color in zip(WAYS, COLORS, strict=True):
        results = [ways[way][1] for ways in taught.values() if way in ways]
        if results:
            ends = np.array([np.quantile(result.resampled["chrf"], (0.025, 0.975)) for result in results])
            axes.fill_between(counts, *ends.T, color=color, alpha=0.15, linewidth=0)
            axes.plot(counts, [result.values["chrf"] for result in results], "o-", color=color, label=SHOWN[way])
    for (method, scores), style in zip(beside.items(), (":", "--", "-."), strict=True):
        own = [score.value for score in scores if score.metric.startswith("chrf")]
        axes.plot(counts, own, style, color="black", label=method.replace("_", " "))
    axes.set(xlabel="pairs of sentences", ylabel="chrF on test", ylim=(0, None))
    if len(counts) > 1:
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
