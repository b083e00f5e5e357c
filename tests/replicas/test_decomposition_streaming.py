"""The decomposition batch by batch, in little memory, and on a GPU: what the whole gives."""

import math
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import torch
from decompositions import DESIGNS, figures, problem_of, random_problem
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from aelab.objectives import ERRORS
from aelab.replicas import Decomposer, decompose
from aelab.replicas import decomposition as module

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_batches_give_what_the_whole_gives(
    error: str, groups: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions, target = problem_of(error)
    whole = decompose(predictions, target, error, groups)
    monkeypatch.setattr(module, "CHUNK_VALUES", 4 * predictions[:, 0].numel())  # four examples at a time
    decomposer = Decomposer(error, 8, groups)
    for start, stop in pairwise([0, 1, 14, 19, 30]):
        decomposer.update(predictions[:, start:stop], target[start:stop])
    result = decomposer.result()
    assert figures(result) == pytest.approx(figures(whole), rel=1e-12)
    for name in ("bias2_map", "variance_map"):
        torch.testing.assert_close(getattr(result, name), getattr(whole, name), rtol=1e-12, atol=1e-14)
    for name in ("error", "bias2", "variance"):
        one, other = getattr(result.per_example, name), getattr(whole.per_example, name)
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_a_refused_batch_adds_nothing() -> None:
    predictions, target = random_problem(4)
    decomposer = Decomposer("squared", 4)
    decomposer.update(predictions, target)
    spoilt = predictions.clone()
    spoilt[2, -1, 0, 0] = math.nan
    with pytest.raises(ValueError, match="replica 2"):
        decomposer.update(spoilt, target)
    assert figures(decomposer.result()) == figures(decompose(predictions, target))


class LargestTensor(TorchDispatchMode):
    """Records the bytes of the largest tensor that any operation makes."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and not out._is_view():
            self.bytes = max(self.bytes, out.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_memory_does_not_grow_with_the_predictions(error: str, groups: list[str] | None) -> None:
    decomposer, shape = Decomposer(error, 8, groups), (50, 4)[: 1 + ERRORS[error].event]
    with LargestTensor() as largest:
        for _ in range(3):
            decomposer.update(torch.zeros(8, 1, *shape).expand(8, 2000, *shape), torch.zeros(1, 50).expand(2000, 50))
    assert largest.bytes <= 8 * module.CHUNK_VALUES < 8 * 8 * 2000 * 50 / 10
    lists = [value if isinstance(value, list) else [value] for value in vars(decomposer).values()]
    state = sum(each.untyped_storage().nbytes() for one in lists for each in one if isinstance(each, Tensor))
    assert state >= 8 * 6 * 6000
    assert state <= 8 * (6 * 6000 + 4 * 8 + 2 * 50 + 8)


FULL_SIZE = """
import torch
from aelab.replicas import Decomposer

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

torch.set_num_threads(1)
decomposer, generator = Decomposer("squared", 50), torch.Generator().manual_seed(0)
for batch in range(100):
    decomposer.update(torch.randn(50, 100, 784, generator=generator), torch.zeros(100, 784))
    start = start if batch else peak()
result = decomposer.result()
print(peak() - start, result.variance / 784, result.bias2 / 784, result.count_examples)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak memory from /proc")
def test_memory_of_fifty_replicas_on_ten_thousand_images() -> None:
    """Keeping the predictions would take 1,568 MB (float32)."""
    command = [sys.executable, "-c", FULL_SIZE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    growth, variance, bias2, examples = map(float, done.stdout.split())
    print(f"peak memory grew by {growth:.1f} MB")
    assert growth < 64
    assert (variance, bias2) == pytest.approx((1, 0), abs=1e-3) and examples == 10_000


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("error", "groups"), DESIGNS)
def test_cuda_gives_what_the_processor_gives(error: str, groups: list[str] | None) -> None:
    predictions, target = problem_of(error, examples=2000)
    on_gpu = decompose(predictions.cuda(), target.cuda(), error, groups)
    assert on_gpu.bias2_map.is_cuda
    assert figures(on_gpu) == pytest.approx(figures(decompose(predictions, target, error, groups)), rel=1e-11)
