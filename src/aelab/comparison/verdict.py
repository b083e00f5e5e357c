"""What a comparison found, in words."""

from collections import Counter
from collections.abc import Sequence

from aelab.comparison.choosing import chosen_in_words
from aelab.comparison.finite import finite
from aelab.comparison.groups import Comparison, Group
from aelab.comparison.intervals import FEWEST_TRUSTED
from aelab.comparison.labels import telling
from aelab.comparison.wording import count, number, with_ends

OVER_SEEDS = "mean ± 95 % t-interval over {} seeds"
OWN = "95 % t-intervals over {}, each run's own"


def verdict(comparison: Comparison) -> list[str]:
    """How many runs there are, which is best, and how it stands to PCA."""
    runs = list({run.directory: run for run in comparison.runs}.values())
    statuses = Counter(run.status for run in runs)
    parts = ", ".join(f"{statuses[status]:,} {status}" for status in sorted(statuses))
    sentences = [f"{count(len(runs), 'run')}: {parts}."]
    configurations = len(comparison.groups)
    if configurations and any(len(group.runs) > 1 for group in comparison.groups):
        sentences.append(f"The complete ones are {count(configurations, 'configuration')} over seeds.")
    complete = [run for run in comparison.runs if run.complete]
    if twice := len(complete) - sum(len(group.runs) for group in comparison.groups):
        sentences.append(f"{count(twice, 'run')} with a configuration and seed met before: counted once.")
    keys = [key for key in comparison.keys if key not in ("data", "error")]
    for problem, groups in comparison.problems().items():
        sentences += _best(problem, groups, keys)
    return sentences


def seeds_in_words(groups: Sequence[Group]) -> str:
    """What the intervals over seeds mean; empty if no seed was repeated."""
    counts = sorted({len(group.runs) for group in groups if len(group.runs) > 1})
    if not counts:
        return ""
    return OVER_SEEDS.format(counts[0] if len(counts) == 1 else f"{counts[0]} to {counts[-1]}")


def own_in_words(groups: Sequence[Group]) -> str:
    """What the runs' own intervals cover: of single models the test examples alone."""
    kinds = {"test/variance" in run.metrics for group in groups for run in group.runs if run.intervals}
    over = "test examples and replicas" if True in kinds else "test examples alone"
    return OWN.format("test examples and, where there are any, replicas" if len(kinds) > 1 else over)


def few_replicas(groups: Sequence[Group]) -> str:
    """What to think of the variance's interval where it rests on few replicas; empty where it does on enough."""
    drawn = [run.drawn for group in groups for run in group.runs if "test/variance" in run.intervals]
    few = [count for count in drawn if count is not None and count < FEWEST_TRUSTED]
    return f"With {min(few)} replicas the variance's interval is not to be trusted; 5 are enough." if few else ""


def _best(problem: str, groups: Sequence[Group], keys: list[str]) -> list[str]:
    """The configuration chosen on validation, and what it reached on test."""
    group = groups[0]
    error = group.estimate("test/error")
    if error is None or not finite(error.mean):
        return []
    where = f" on {problem}" if problem else ""
    which = group.label(telling(groups, keys)) or group.label(["model"])
    seeds = f"mean of {error.n} seeds" if error.n > 1 else ""
    aside = "; ".join(part for part in ("" if len(groups) > 1 else which, seeds) if part)
    value = with_ends(error.mean, error.low, error.high)
    chosen = (
        f"Best by {chosen_in_words(groups)}{where}: {which}. Its test error"
        if len(groups) > 1
        else f"Test error{where}"
    )
    sentences = [f"{chosen}: {value}{aside and f' ({aside})'}{_against_pca(group, error.mean)}."]
    bias2 = group.mean("test/bias2")
    variance = group.mean("test/variance")
    if bias2 is not None and variance is not None:
        sentences.append(f"There, bias² is {number(bias2)} and variance {number(variance)}{_parts_of_pca(group)}.")
    return sentences


def _parts_of_pca(group: Group) -> str:
    """PCA's own two parts, fitted to each replica's rows; empty where they were not measured."""
    bias2, variance = (group.estimate(f"test/pca_{part}") for part in ("bias2", "variance"))
    return (
        f"; PCA's on the same rows are {number(bias2.mean)} and {number(variance.mean)}" if bias2 and variance else ""
    )


def _against_pca(group: Group, error: float) -> str:
    pca = group.pca()
    if pca is None or not finite(pca) or pca <= 0:
        return ""
    if pca < 1e-6 * error:
        return "; PCA with the same code size loses nothing"
    change = error / pca - 1
    if change > 1:
        return f", {change + 1:.1f} times the error of PCA with the same code size ({number(pca)})"
    if abs(change) < 0.005:
        return f", as good as PCA with the same code size ({number(pca)})"
    side = "below" if change < 0 else "above"
    return f", {abs(change):.0%} {side} PCA with the same code size ({number(pca)})"
