"""A run as a notebook shows it: what it is, what it reached, its pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from aelab.errors import plain
from aelab.machines.regular_files import list_inside, read_inside

PICTURES = 4
PICTURE = 4 * 2**20  # bytes of a PNG
PARTS = ("error", "mse", "fvu", "bias2", "variance", "token_error")


def in_words(directory: Path, manifest: Mapping[str, Any]) -> str:
    """`undercomplete on digits: test/error 12.4, PCA 2.42 (outputs/runs/...)`."""
    metrics = manifest.get("metrics") or {}
    config = manifest["config"]
    found = [f"test/error {metrics['test/error']:.4g}"] if "test/error" in metrics else []
    found += [f"PCA {metrics['test/pca_error']:.4g}"] if "test/pca_error" in metrics else []
    return plain(f"{config['model']['name']} on {config['data']['name']}: {', '.join(found)} ({directory})")


def page(directory: Path, manifest: Mapping[str, Any]) -> str:
    """HTML, in which every text of the run is escaped."""
    metrics = manifest.get("metrics") or {}
    rows = "".join(
        f"<tr><td>{part}</td><td>{metrics[f'test/{part}']:.4g}</td><td>{_pca(metrics, part)}</td></tr>"
        for part in PARTS
        if f"test/{part}" in metrics
    )
    table = f"<table><thead><tr><th>test</th><th>run</th><th>PCA</th></tr></thead><tbody>{rows}</tbody></table>"
    return f"<p>{escape(in_words(directory, manifest))}</p>{table}{''.join(_pictures(directory))}"


def _pca(metrics: Mapping[str, float], part: str) -> str:
    value = metrics.get(f"test/pca_{part}")
    return "" if value is None else f"{value:.4g}"


def _pictures(directory: Path) -> Iterator[str]:
    names = [name for name in list_inside(directory, "pictures") if name.endswith(".png")]
    for name in sorted(names)[:PICTURES]:
        try:
            png = read_inside(directory, "pictures", name, limit=PICTURE)
        except OSError:
            continue
        source = base64.b64encode(png).decode()
        title = escape(plain(name.removesuffix(".png")))
        yield f'<figure><img src="data:image/png;base64,{source}"/><figcaption>{title}</figcaption></figure>'
