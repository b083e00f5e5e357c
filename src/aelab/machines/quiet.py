"""Third-party messages that tell the user of a run nothing they can act on, by message."""

from __future__ import annotations

import logging
import warnings

_LINES = (
    "Tip",
    "GPU available",
    "TPU available",
    "HPU available",
    "`Trainer.fit` stopped",
    "`weights_only` was not set",
    "💡",
)
_NO_PLACE = " runs in a stack/"  # the path that a stack is restored from, which is none of the disk's
_LOGGERS = (
    "pytorch_lightning.utilities.rank_zero",
    "lightning.pytorch.utilities.rank_zero",
    "pytorch_lightning.trainer.connectors.checkpoint_connector",
)
_WARNINGS = (
    r".*isinstance\(treespec, LeafSpec\).*",
    r".*srun` command is available.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*The number of training batches .* is smaller than the logging interval.*",
    r".*does not have many workers.*",
    r".*It is recommended to use `self.log\(.*sync_dist=True\)`.*",
    r".*was configured so validation will run.*",
    r".*could not find the monitored key in the returned metrics.*",  # an epoch without validation
    r".*There is a wandb run already in progress.*",
)


class _Unhelpful(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not message.startswith(_LINES) and _NO_PLACE not in message


_unhelpful = _Unhelpful()


def quiet() -> None:
    """Silence them in this process."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_unhelpful)
    for message in _WARNINGS:
        warnings.filterwarnings("ignore", message=message)
