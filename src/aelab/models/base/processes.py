"""The processes that train one model."""

import torch


def process_rank() -> int:
    """Which of the processes that train one model this is; 0 where it is alone."""
    return torch.distributed.get_rank() if _are_several() else 0


def process_count() -> int:
    """How many processes train one model."""
    return torch.distributed.get_world_size() if _are_several() else 1


def _are_several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
