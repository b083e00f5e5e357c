"""Whether W&B is spoken to online or offline."""

import netrc
import os
from pathlib import Path
from urllib.parse import urlparse


def wandb_mode(configured: str) -> str:
    """``auto``: ``WANDB_MODE`` where set, else online where credentials exist, else offline."""
    if configured != "auto":
        return configured
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    return "online" if has_credentials() else "offline"


def has_credentials() -> bool:
    """Whether an API key is in the environment or in the user's netrc, where ``wandb login`` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    path = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    try:
        return netrc.netrc(str(path)).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
