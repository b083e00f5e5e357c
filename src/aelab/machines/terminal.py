"""What is printed: tables of text that no terminal obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aelab.errors import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def console(width: int = 160) -> Console:
    """Where tables are drawn, ``width`` columns wide where that is no terminal."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=width)


def text(words: str, style: str = "") -> Text:
    """Words of a run or a user as they are to be seen: one printable line, in which nothing is markup."""
    from rich.text import Text

    return Text(plain(words), style=style)
