"""Reads a ``.wandb`` file, the only record of an offline run: LevelDB's log format around protobuf records."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK = 32 * 1024
HEADER = struct.Struct("<IHB")  # checksum, length, type: 1 whole, 2 first, 3 middle, 4 last part


@dataclass
class Log:
    """What a W&B run has recorded."""

    run: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: list[Any] = field(default_factory=list)
    exit_code: int | None = None
    kinds: set[str] = field(default_factory=set)


def records(path: Path) -> Iterator[Any]:
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    position, parts = 7, b""
    while position + HEADER.size <= len(data):
        if BLOCK - position % BLOCK < HEADER.size:
            position += BLOCK - position % BLOCK
            continue
        checksum, length, kind = HEADER.unpack_from(data, position)
        chunk = data[position + HEADER.size :][:length]
        assert zlib.crc32(bytes([kind]) + chunk) == checksum
        position += HEADER.size + length
        parts = chunk if kind in (1, 2) else parts + chunk
        if kind in (1, 4):
            yield wandb_internal_pb2.Record.FromString(parts)


def read_log(path: Path) -> Log:
    log = Log()
    for record in records(path):
        kind = record.WhichOneof("record_type")
        log.kinds.add(kind)
        match kind:
            case "run":
                log.run = record.run
                log.config |= values(record.run.config.update)
            case "config":
                log.config |= values(record.config.update)
            case "history":
                log.history.append(values(record.history.item))
            case "summary":
                log.summary |= values(record.summary.update)
            case "metric":
                log.metrics.append(record.metric)
            case "exit":
                log.exit_code = record.exit.exit_code
    return log


def values(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        *parents, last = item.nested_key or [item.key]
        node = found
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = json.loads(item.value_json)
    return found
