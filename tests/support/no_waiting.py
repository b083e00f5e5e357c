"""A step of training on a device that has no values: whoever looks at one, or copies one from the host, is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ATEN = torch.ops.aten
LOOKS = {  # operators whose result, or whose result's shape, the host has to know
    ATEN._local_scalar_dense, ATEN.is_nonzero, ATEN.item, ATEN.nonzero, ATEN.nonzero_numpy, ATEN.masked_select,
    ATEN.equal, ATEN.allclose, ATEN.unique_dim, ATEN._unique2, ATEN.unique_consecutive, ATEN.bincount,
    # a GPU's solvers report back to the host whether they succeeded
    ATEN._linalg_svd, ATEN._linalg_eigh, ATEN.linalg_eig, ATEN.linalg_lstsq, ATEN._linalg_check_errors,
}  # fmt: skip
INDEXING = {ATEN.index, ATEN.index_put, ATEN.index_put_}
COPIES = {ATEN._to_copy, ATEN.copy_, ATEN.copy}
FROM_HOST = {torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor}  # numbers of Python's, copied
DEVICE = "meta"


class Waits(RuntimeError):
    """The host would wait for the device here."""


@contextmanager
def no_waiting() -> Iterator[None]:
    """Raises Waits where something looks at values of the meta device, or copies between it and the host."""
    with _Operators(), _Constants():
        yield


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operator = func.overloadpacket
        places = {x.device.type for x in _flat([args, list(kwargs.values())]) if isinstance(x, Tensor)}
        if DEVICE in places and operator in LOOKS:
            raise Waits(str(func))
        by = _flat(args[1]) if operator in INDEXING else []
        if any(isinstance(x, Tensor) and x.dtype == torch.bool and x.device.type == DEVICE for x in by):
            raise Waits(f"{func} by a mask")
        if operator in COPIES:
            wanted = kwargs.get("device")
            places |= {torch.device(wanted).type} if wanted is not None else set()
            if len(places) > 1:
                raise Waits(f"{func} between {' and '.join(sorted(places))}")
        return func(*args, **kwargs)


class _Constants(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        source = args[1] if func is Tensor.new_tensor else args[0] if args else None
        if func in FROM_HOST and made.device.type == DEVICE and not isinstance(source, Tensor):
            raise Waits(f"{func.__name__} of the host's numbers")
        return made


def _flat(value: Any) -> list[Any]:
    return [each for part in value for each in _flat(part)] if isinstance(value, list | tuple) else [value]
