"""What CONTRIBUTING.md asks of the code and ruff does not see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import aelab

FILES = sorted(Path(aelab.__file__).parent.rglob("*.py"))
LONGEST = 249


def packed(tree: ast.AST) -> Iterator[int]:
    """Lines in which several values are given names at once, and could as well be one after the other."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
                given = {ast.unparse(name) for name in names}
                used = {ast.unparse(part) for value in values for part in ast.walk(value) if isinstance(part, ast.expr)}
                if not given & used:  # no exchange
                    yield node.lineno


def test_no_file_is_too_long_to_read() -> None:
    assert [path for path in FILES if len(path.read_text().splitlines()) > LONGEST] == []


def test_one_assignment_a_line() -> None:
    assert [f"{path}:{line}" for path in FILES for line in packed(ast.parse(path.read_text()))] == []


def test_an_exchange_is_none() -> None:
    code = "a, b = b, a\nx.state, y = 1, x.state\nc, d = 1, 2\n"
    assert list(packed(ast.parse(code))) == [3]
