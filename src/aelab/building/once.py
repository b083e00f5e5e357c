"""What several runs of one process have in common is made once: their data, and PCA of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_made: dict[str, Any] | None = None


@contextmanager
def sharing(anew: bool = False) -> Iterator[None]:
    """Within, what ``once`` makes is kept for the next who needs it; ``anew``: nothing of what was made before."""
    global _made
    before = _made
    _made = {} if before is None or anew else before
    try:
        yield
    finally:
        _made = before


def once(key: Callable[[], str], make: Callable[[], T]) -> T:
    """What ``make`` makes, which depends on nothing but what ``key`` says; it is nobody's to change."""
    if _made is None:
        return make()
    name = key()
    if name not in _made:
        _made[name] = make()
    found: T = _made[name]
    return found
