"""The user's own pictures: files under a folder, decoded as they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aelab.config.pasted import pasted
from aelab.data.batches.image_loader import ImageFiles, ImageLoader, RowArrays
from aelab.data.batches.loader import EpochOrder
from aelab.data.batches.pieces import Pieces
from aelab.data.batches.splits import fingerprint
from aelab.data.files.deep_pictures import WHITE
from aelab.data.files.images import PAGE, decode, file_of, is_colour
from aelab.data.files.picture_file import Header, header, mixed
from aelab.data.files.picture_labels import table_labels
from aelab.data.files.picture_store import KINDS, PictureStore, store_file
from aelab.data.files.picture_tree import Tree, counted, paged, picture_tree
from aelab.data.files.user_files import pick, user_path
from aelab.data.module import DataModule
from aelab.data.preprocessing import PIXELS, Preprocessing
from aelab.errors import UserError

LOOKED_AT = 16  # pictures of 16 bits that are decoded to see how bright they are
MEASURED = 2**22  # values of a batch that is measured, unless training takes more


class ImageFolder(DataModule):
    """Images (3, S, S), or (1, S, S) in ``grayscale``, of the files under ``data.path`` at any depth.

    They stream as uint8, or uint16 where one has 16 bits a channel, and are scaled to [0, 1] on the training device. A
    file's label is the folder it lies in, where there is more than one; or ``labels``, a table that names the files.
    Folders ``train``, ``val`` and ``test`` are the parts. ``image_size``: S. ``num_workers``: processes that decode;
    null for one a core, 8 at most. ``background``: the colour behind what is transparent; None shows what is hidden
    there, as runs did that do not know the key. ``pages``: ``first`` or ``all`` of a file that has several. ``white``:
    what counts as 1 of 16 bits; null for 65535. ``cache``: keep what is decoded in ``memory``, or on ``disk`` below
    ``root`` for later runs, too (PictureStore).
    """

    resident = False
    unused = ()

    def __init__(
        self,
        image_size: int = 64,
        grayscale: bool = False,
        num_workers: int | None = None,
        background: str | None = None,
        pages: str | None = None,
        labels: str | None = None,
        white: int | None = None,
        cache: str | None = None,
        root: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if self.given_names:
            raise UserError("data.given data=image_folder: pictures that stream are given nothing; use data=arrays")
        if image_size < 1:
            raise UserError(f"data.image_size={image_size}: must be at least 1")
        if num_workers is not None and num_workers < 0:
            raise UserError(f"data.num_workers={num_workers}: must be 0 or more, or null")
        if self.standardize:
            raise UserError("data.standardize=true: images that stream are not standardised; leave it out")
        if white is not None and not 0 < white <= WHITE:
            raise UserError(f"data.white={white}: must be from 1 to {WHITE}, like 4095 where pictures have 12 bits")
        if background is not None and not is_colour(background):
            advice = pasted("data.background", "#808080")
            raise UserError(f"data.background={background}: no colour; use white, black or {advice}")
        self.background = background
        self.pages = None if pages is None else pick("data.pages", pages, ("first", "all"))
        self.labels_table = labels
        self.white = white
        self.keeps = None if cache is None else pick("data.cache", cache, KINDS)
        self.root = root
        self.store: PictureStore | None = None
        self.places: dict[str, np.ndarray] = {}  # of a part's files in the store
        self.image_size = image_size
        self.evaluation_batch_size = min(256, max(self.batch_size, MEASURED // (3 * image_size**2)))
        self.grayscale = grayscale
        self.num_workers = min(8, usable_cores()) if num_workers is None else num_workers
        self.preprocessing = Preprocessing(PIXELS)
        self.folder = Path()
        self.files: dict[str, np.ndarray] = {}
        self.headers: dict[str, Header] = {}

    def label_advice(self) -> str:
        return "put the images of each class into a folder of its own under data.path"

    def setup(self, stage: str | None = None) -> None:
        if self.files:
            return
        self.folder = user_path(self.name, self.path, "a folder of images")
        if self.folder.is_file():
            raise UserError(f"data.path={self.path}: a file; {_advice(self.folder)}")
        tree = picture_tree(self.folder)
        self.headers = {file: header(self.folder / file) for file in tree.files}
        if sum(head.pages if self.pages == "all" else 1 for head in self.headers.values()) < 2:
            beside = f" ({'; '.join(tree.said)})" if tree.said else ""
            raise UserError(
                f"data.path={self.path}: {len(tree.files)} image(s) in it; name a folder of 2 or more{beside}"
            )
        tree.said += [] if self.grayscale else mixed(list(self.headers.values()))
        files, labels = self._examples(tree)
        self.shape = (1 if self.grayscale else 3, self.image_size, self.image_size)
        self.preprocessing = self.known or self._depth(files, tree)
        self.say(*tree.said)
        self.every = files
        for part, rows in self._split(len(files), labels).items():
            self.places[part] = rows
            self.files[part] = files[rows]
            if (labels != labels[0]).any():
                self.labels[part] = labels[rows]

    def _examples(self, tree: Tree) -> tuple[np.ndarray, np.ndarray]:
        """Files, or pages of files, and their labels; which part each is of goes to ``given``."""
        labels: list[str | None] = list(tree.labels())
        if self.labels_table is not None:
            labels, said = table_labels(self.folder, self.labels_table, tree.files)
            tree.said += said
        rows = []
        files = []
        for row, (file, count) in enumerate(
            zip(tree.files, paged(tree, list(self.headers.values()), self.pages), strict=True)
        ):
            if labels[row] is not None:
                rows += [row] * count
                files += [file] if count == 1 else [f"{file}{PAGE}{page}" for page in range(count)]
        if len(files) < 2:
            raise UserError(f"data.path={self.path}: {len(files)} image(s) with a label in it; 2 or more are needed")
        known = np.array([labels[row] for row in rows])
        if tree.parts is not None:
            self.given = np.array(tree.parts)[rows]
        if (known != known[0]).any():
            tree.said.append(counted(known.tolist()))
        return np.array(files), known

    def _depth(self, files: np.ndarray, tree: Tree) -> Preprocessing:
        """How pixels are scaled: by 255, or by ``white`` where a picture has 16 bits a channel, which is said."""
        deep = [file for file in files.tolist() if self.headers[file_of(file)].deep]
        if not deep:
            if self.white is not None:
                raise UserError(f"data.white={self.white}: all pictures have 8 bits, of which 255 is 1; leave it out")
            return Preprocessing(PIXELS)
        some = deep[:: -(-len(deep) // LOOKED_AT)]
        shown = [
            decode(str(self.folder / file), self.image_size, self.grayscale, self.background, True) for file in some
        ]
        most = max(int(pixels.max()) for pixels in shown)
        white = self.white or WHITE
        said = f"{len(deep)} pictures have 16 bits a channel, of which {white} counts as 1; most in {len(some)}: {most}"
        if self.white is None and most < WHITE // 4:
            said += f"; where they hold fewer bits, data.white={2 ** most.bit_length() - 1}"
        tree.said.append(said)
        return Preprocessing(PIXELS, white=white)

    def size(self, part: str) -> int:
        return len(self.files[part])

    def origin(self, part: str) -> Mapping[str, np.ndarray]:
        """The ``file`` of each, relative to the folder, and its ``page``, counted from 0, where there are several."""
        return file_and_page(self.files[part], self.pages)

    def fingerprint(self, part: str) -> str:
        """16 hex digits that name the part's files, their sizes, times of change, and how they are read."""
        lines = "\n".join(self._state(file) for file in self.files[part].tolist())
        return fingerprint(np.frombuffer(os.fsencode(lines), np.uint8))

    def _state(self, file: str) -> str:
        """Of a file or page: what changes with its pixels."""
        stat = os.stat(self.folder / file_of(file))
        head = self.headers[file_of(file)]
        found = f"{file} {stat.st_size} {stat.st_mtime_ns}"
        if head.transparent and self.background is not None:
            found += f" on {self.background}"
        return f"{found} by {self.preprocessing.white}" if head.deep and self.preprocessing.white else found

    def examples(self, part: str, limit: int | None = None) -> Tensor:
        """As floats ``[n, D]``, decoded now: name a limit where a part may not fit in memory."""
        return self.preprocessing(self._pixels(part, limit))

    def pieces(self, part: str, limit: int) -> Pieces:
        """Decoded once and kept as pixels, a quarter of what they are as floats."""
        pixels = self._pixels(part, limit)
        return Pieces(len(pixels), pixels.shape[1], lambda some: self.preprocessing(pixels[some]))

    def _pixels(self, part: str, limit: int | None) -> Tensor:
        batches = RowArrays(self.chosen(part, limit), self.evaluation_batch_size)
        return torch.cat(list(self._stream(part, batches)))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return self.preprocessing(batch)

    def _loader(self, part: str, order: EpochOrder | Tensor, batch_size: int) -> ImageLoader:
        trainer = self.trainer
        if trainer is None:
            return self._stream(part, RowArrays(order, batch_size))
        batches = RowArrays(order, batch_size, trainer.global_rank, trainer.world_size)
        on_gpu = trainer.strategy.root_device.type == "cuda"
        device = trainer.strategy.root_device
        return self._stream(part, batches, persistent=not trainer.testing, pinned=on_gpu, device=device)

    def _stream(self, part: str, batches: RowArrays, **loading: Any) -> ImageLoader:
        deep = self.preprocessing.white is not None
        how = (self.image_size, self.grayscale, self.background, deep)
        images = ImageFiles(self.folder, self.files[part], *how, self._kept(how), self.places[part])
        return ImageLoader(images, batches, self.num_workers, **loading)

    def _kept(self, how: tuple[Any, ...]) -> PictureStore | None:
        """Where decoded pictures are kept, as they are read ``how``; None where they are not, or a run is opened."""
        if self.keeps is None or not self.fetches:
            return None
        if self.store is None:
            states = map(self._state, self.every.tolist())
            file = store_file(Path(self.root or "data"), self.folder, states, how) if self.keeps == "disk" else None
            self.store = PictureStore(len(self.every), int(np.prod(self.shape)), how[-1], file)
        return self.store


def file_and_page(names: np.ndarray, pages: str | None) -> dict[str, np.ndarray]:
    """Names of files, or of pages of files, ``[n]`` as arrays ``file`` and, where all ``pages`` are read, ``page``."""
    parted = [name.partition(PAGE) for name in names.tolist()]
    found = {"file": np.array([file for file, _, _ in parted])}
    if pages == "all":
        found["page"] = np.array([int(page or 0) for _, _, page in parted])
    return found


def _advice(path: Path) -> str:
    """What to do with a file where a folder is wanted."""
    suffix = path.suffix.lower()
    if suffix in (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".xz", ".bz2"):
        return "unpack it and name the folder"
    if suffix in (".npy", ".npz"):
        return "data=arrays reads it"
    if suffix in (".csv", ".tsv", ".parquet", ".feather", ".xlsx"):
        return "data=table reads it"
    return f"name the folder that it lies in, {pasted('data.path', str(path.parent))}"


def usable_cores() -> int:
    """Processor cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
