"""Pieces of words that are learned from texts of several languages (Kudo 2018; sentencepiece)."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from aelab.data.text.vocabulary import TextError, Vocabulary, ended
from aelab.errors import UserError
from aelab.objectives.symbols import BEGIN, END, PADDING, SPECIALS, UNKNOWN

WAY = "pieces"
TAG = re.compile(r"<[\w-]+>")


class Pieces(Vocabulary):
    """A vocabulary of pieces, and one symbol for each language. A text is ``<en>The cat sleeps.``: the language, and a
    sentence without spaces at its ends or two in a row.

    ``model``: bytes of a sentencepiece model, which carry all of it. ValueError where they are none.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.processor = _library().SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ValueError("no model of sentencepiece") from error
        super().__init__([self.processor.id_to_piece(number) for number in range(len(self.processor))], WAY)
        if self.symbols[: len(SPECIALS)] != SPECIALS:
            raise ValueError("a model of sentencepiece with other special symbols")
        known = range(len(SPECIALS), len(self.symbols))
        self.languages = {self.symbols[number]: number for number in known if self.processor.is_control(number)}

    @classmethod
    def learned(cls, texts: Sequence[str], count: int) -> Pieces:
        """``count`` of them, of which these texts cost the fewest bits; the same each time.

        Raises UserError where the texts have more characters than that, or not so many pieces.
        """
        tags = sorted({text[: text.index(">") + 1] for text in texts})
        bare = (text[text.index(">") + 1 :] for text in texts)
        file = io.BytesIO()
        try:
            _library().SentencePieceTrainer.train(
                sentence_iterator=bare, model_writer=file, vocab_size=count, model_type="unigram",
                character_coverage=1.0, normalization_rule_name="identity", control_symbols=tags, num_threads=1,
                pad_id=PADDING, bos_id=BEGIN, eos_id=END, unk_id=UNKNOWN, pad_piece=SPECIALS[PADDING],
                bos_piece=SPECIALS[BEGIN], eos_piece=SPECIALS[END], unk_piece=SPECIALS[UNKNOWN], minloglevel=3,
            )  # fmt: skip
        except RuntimeError as error:
            reason = " ".join(str(error).split()).rpartition("] ")[2]
            raise UserError(f"data.pieces={count}: cannot be learned from {len(texts)} sentences ({reason})") from error
        return cls(file.getvalue())

    def ids(self, texts: Sequence[str], positions: int | None = None) -> np.ndarray:
        rows = [self._numbers(row, text) for row, text in enumerate(texts)]
        lengths = np.array([len(row) for row in rows], int)
        return ended(np.array([number for row in rows for number in row], np.int32), lengths, positions)

    def _numbers(self, row: int, text: str) -> list[int]:
        tag = TAG.match(text)
        if tag is None or tag[0] not in self.languages:
            raise TextError(row, f"does not begin with its language, {' or '.join(self.languages)}")
        bare = text[tag.end() :]
        if not bare.strip():
            raise TextError(row, "is empty")
        found: list[int] = self.processor.encode(bare)
        if UNKNOWN in found:
            odd = next(letter for letter in bare if letter != " " and self._is_unknown(letter))
            raise TextError(row, f"column {tag.end() + bare.index(odd) + 1}: unknown symbol {odd!r}")
        return [self.languages[tag[0]], *found]

    def _is_unknown(self, letter: str) -> bool:
        return bool(self.processor.piece_to_id(letter) == UNKNOWN)

    def texts(self, ids: np.ndarray) -> list[str]:
        names = {number: name for name, number in self.languages.items()}
        found = []
        for row in np.asarray(ids).astype(np.int64):
            numbers = row[: int((row == END).argmax())] if (row == END).any() else row
            first = names.get(int(numbers[0]), "") if len(numbers) else ""
            special = (*range(len(SPECIALS)), *names)
            found.append(first + self.processor.decode([int(n) for n in numbers if n not in special]))
        return found

    def digest(self) -> bytes:
        return Vocabulary((base64.b64encode(self.model).decode(),), WAY).digest()

    def plain(self) -> dict[str, Any]:
        return {"way": WAY, "model": base64.b64encode(self.model).decode()}

    @staticmethod
    def of_plain(plain: Any) -> Pieces:
        return Pieces(base64.b64decode(plain["model"], validate=True))


def recorded_vocabulary(plain: Any) -> Vocabulary:
    """Of either kind, what ``plain`` gave; ValueError, TypeError or KeyError for anything else."""
    return Pieces.of_plain(plain) if plain["way"] == WAY else Vocabulary.of_plain(plain)


def _library() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise UserError(
            "data.representation=pieces: needs sentencepiece; run: pip install 'aelab[text]', or use "
            "data.representation=words"
        ) from error
    return sentencepiece
