"""A run of an earlier version, whose replicas had two settings: no version writes such runs now, and all read them.

Trained by 35d07e6: ``model=denoising corruption=gaussian replicas=bootstrap replicas.count=2
replicas.vary={corruption.std:[0.1,0.2],network.code_size:[2,3]}`` on 200 examples of ``digits``.
"""

import shutil
from pathlib import Path

VARIED = Path(__file__).with_name("varied_run")


def varied_run(outputs: Path) -> Path:
    """A copy of it; the directory."""
    directory = outputs / "runs" / "denoising-digits-2e0b4d7f"
    shutil.copytree(VARIED, directory)
    return directory
