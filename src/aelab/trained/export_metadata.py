"""What an exported file says of itself, as JSON: columns, categories, scale, threshold."""

from __future__ import annotations

import json
from typing import Any

from aelab.data.tables.numbered import category_numbers
from aelab.errors import UserError
from aelab.trained.run import Run

ONNX_KEY = "aelab"  # of the model's metadata
TORCH_FILE = "aelab.json"  # of the archive's extra files


def metadata(run: Run, part: str, columns: bool) -> str:
    """JSON of what a user of a file needs to know who has nothing else.

    ``run``: whose it is. ``which``; ``shape`` of an example; ``kind`` of its values. ``columns`` of
    a table: ``name``, ``categories`` and, where the file takes ``columns``, the ``numbers`` that stand for these;
    ``flag``: whether a value behind them says that there was none. ``values``: a name for each value of an example.
    ``offset``, ``scale`` and ``fill``: a number for each value, within the file already. ``score``, ``threshold``:
    above it an example is called an anomaly.
    """
    preprocessing = run.preprocessing
    found: dict[str, Any] = {
        "run": run.manifest.get("run_id"),
        "which": part,
        "input": "columns" if columns else "values",
        "kind": preprocessing.kind,
        "shape": list(run.shape),
    }
    if preprocessing.columns is not None:
        found["columns"] = []
        for column in preprocessing.columns:
            about: dict[str, Any] = {"name": column.name, "flag": column.flag}
            if column.categories is not None:
                about["categories"] = list(column.categories)
                about |= {"numbers": category_numbers(column)} if columns else {}
            found["columns"].append(about)
        found["values"] = preprocessing.columns.names
    for name in ("offset", "scale", "fill"):
        value = getattr(preprocessing, name)
        if value is not None:
            found[name] = value.tolist()
    try:
        scoring = run.scoring
    except UserError:  # evaluated by an earlier version, which kept no statistics
        scoring = None
    if scoring is not None:
        found |= {"score": scoring.score, "threshold": scoring.threshold}
    return json.dumps(found, ensure_ascii=False)
