"""Whether replicas' codewords agree: 1 of one partition under other names, about 0 of unrelated ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from run_files import directory_of
from sklearn.metrics import adjusted_mutual_info_score
from tiny_runs import compose_tiny

from aelab.fitting.run import run
from aelab.objectives.randomness import seeded_generator
from aelab.replicas.code_stability import code_stability
from aelab.runs.manifest import read_manifest


def drawn(*shape: int, entries: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randint(entries, shape, generator=seeded_generator(seed, 0))


def test_other_names_of_codewords_and_groups_are_the_same_code() -> None:
    first = drawn(300, 2, 3)
    names = torch.randperm(8, generator=seeded_generator(1, 0))
    renamed = names[first][..., [2, 0, 1]]
    assert code_stability(torch.stack([first, renamed, first])) == pytest.approx(1)
    shuffled = first[torch.randperm(300, generator=seeded_generator(2, 0))]
    assert abs(code_stability(torch.stack([first, shuffled]))) < 0.05


def test_one_group_is_scikit_learns_over_all_pairs() -> None:
    codes = drawn(4, 100, 1, 1, entries=3)
    codes[1] = torch.where(drawn(100, 1, 1, entries=2).bool(), codes[0], codes[1])
    flat = codes.flatten(1).numpy()
    pairs = [(i, j) for i in range(4) for j in range(i)]
    wanted = sum(adjusted_mutual_info_score(flat[i], flat[j]) for i, j in pairs) / 6
    assert code_stability(codes) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="two replicas or more"):
        code_stability(codes[:1])


def test_it_stands_beside_the_decomposition(tmp_path: Path) -> None:
    config = compose_tiny(tmp_path, "model=vq_vae", "model.entries=8", "replicas=initializations", "replicas.count=3")
    run(config, [])
    record = read_manifest(directory_of(config))
    assert record and 0 < record["metrics"]["test/code_stability"] <= 1
