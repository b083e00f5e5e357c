"""Sequences written symbol by symbol: the likeliest each time, drawn ones, or the likeliest of many that are followed.

What writes is a ``Writer``: it begins with a code and gives the logits of the next symbol. Its state is a tuple of
tensors with the sequences along their first axis, so that sequences can be chosen from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from aelab.objectives.symbols import BEGIN, END, PADDING, UNKNOWN

State = tuple[Tensor, ...]
Choose = Callable[[Tensor], Tensor]
NEVER = -1e9  # a logit, in place of infinity, whose products are not numbers
UNWRITTEN = (PADDING, BEGIN, UNKNOWN)  # symbols that no sequence is made of


class Writer(Protocol):
    """``positions``: of the longest sequence."""

    positions: int

    def begin(self, code: Tensor) -> State:
        """The state before the first symbol, for codes ``[B, H]``."""
        ...

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``[B, V]`` of what follows ``symbols`` ``[B]``, and the state behind them."""
        ...


def written(logits: Tensor) -> Tensor:
    """Logits ``[..., V]`` that leave out what no sequence is made of."""
    logits = logits.clone()
    logits[..., list(UNWRITTEN)] = NEVER
    return logits


def _behind(logits: Tensor) -> Tensor:
    """Logits like these that have padding follow for sure."""
    found = torch.full_like(logits, NEVER)
    found[..., PADDING] = 0
    return found


def likeliest(logits: Tensor) -> Tensor:
    """The likeliest symbol of logits ``[B, V]``, long ``[B]``."""
    return logits.argmax(-1)


def drawn(generator: torch.Generator, temperature: float = 1.0) -> Choose:
    """Chooses symbols at random; below a ``temperature`` of 1 likely ones are likelier still."""

    def choose(logits: Tensor) -> Tensor:
        return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).squeeze(-1)

    return choose


@torch.no_grad()
def write(
    writer: Writer, code: Tensor, choose: Choose = likeliest, first: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Sequences of codes ``[B, H]``, long ``[B, T]``, and the logits ``[B, T, V]`` by which each symbol was chosen.

    ``first``: long ``[B]``, what is written first, as the language of a translation. Behind the symbol that ends a
    sequence there is padding, and its logits say so.
    """
    state = writer.begin(code)
    last = torch.full((len(code),), BEGIN, device=code.device)
    done = torch.zeros_like(last, dtype=torch.bool)
    found: list[Tensor] = []
    by: list[Tensor] = []
    for place in range(writer.positions):
        logits, state = writer.step(last, state)
        logits = written(logits)
        chosen = first if place == 0 and first is not None else choose(logits)
        last = chosen.masked_fill(done, PADDING)
        found.append(last)
        by.append(torch.where(done.unsqueeze(-1), _behind(logits), logits))
        done = done | (last == END)
        if code.device.type == "cpu" and bool(done.all()):
            break
    missing = writer.positions - len(found)
    if missing:
        found += [torch.full_like(last, PADDING)] * missing
        by += [_behind(by[-1])] * missing
    return torch.stack(found, 1), torch.stack(by, 1)


@torch.no_grad()
def beam(writer: Writer, code: Tensor, width: int, first: Tensor | None = None) -> Tensor:
    """The likeliest of ``width`` sequences that are followed at a time, for each code ``[B, H]``: long ``[B, T]``.

    Sequences are compared by their whole log-probability. With a width of 1 it is what ``write`` gives.
    """
    count = len(code)
    state = tuple(part.repeat_interleave(width, 0) for part in writer.begin(code))
    last = torch.full((count * width,), BEGIN, device=code.device)
    done = torch.zeros_like(last, dtype=torch.bool)
    found = last.new_empty(count * width, 0)
    score = code.new_full((count, width), NEVER)
    score[:, 0] = 0  # all begin alike: one of them goes on
    for place in range(writer.positions):
        logits, state = writer.step(last, state)
        if place == 0 and first is not None:
            given = first.repeat_interleave(width).unsqueeze(-1)
            ahead = torch.full_like(logits, NEVER).scatter_(-1, given, 0.0)
        else:
            ahead = written(logits).log_softmax(-1)
        ahead = torch.where(done.unsqueeze(-1), _behind(ahead), ahead)
        symbols = ahead.shape[-1]
        best = (score.unsqueeze(-1) + ahead.view(count, width, symbols)).flatten(1).topk(width)
        score = best.values
        origin = (torch.arange(count, device=code.device).unsqueeze(-1) * width + best.indices // symbols).flatten()
        last = (best.indices % symbols).flatten()
        found = torch.cat([found[origin], last.unsqueeze(-1)], -1)
        done = done[origin] | (last == END)
        state = tuple(part[origin] for part in state)
        if code.device.type == "cpu" and bool(done.all()):
            break
    chosen = found.view(count, width, -1)[torch.arange(count, device=code.device), score.argmax(-1)]
    return torch.nn.functional.pad(chosen, (0, writer.positions - chosen.shape[-1]), value=PADDING)
