"""One thread and no account of anybody's, here and in the processes that tests start; imported before torch."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in processes that tests start
os.environ["NETRC"] = os.devnull  # a developer's W&B login must not put tests online
os.environ["WANDB_ERROR_REPORTING"] = "false"
for _name in [name for name in os.environ if name.startswith("WANDB_") and name != "WANDB_ERROR_REPORTING"]:
    del os.environ[_name]
