"""Networks over sequences: padding changes nothing, a step is a column of the whole, searches against enumeration."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from aelab.errors import UserError
from aelab.models import Autoencoder, VariationalAutoencoder
from aelab.networks import OneHotMLP, Recurrent, SequenceNetwork, Transformer
from aelab.networks.generation import beam, drawn, write, written
from aelab.objectives import Categorical, TokenNoise
from aelab.objectives.symbols import BEGIN, END, PADDING, UNKNOWN, cut, lengths

SYMBOLS, LONGEST, POSITIONS = 9, 12, 17
NETWORKS = ("recurrent", "deep recurrent", "transformer")


def network(name: str, positions: int = POSITIONS, symbols: int = SYMBOLS) -> SequenceNetwork:
    torch.manual_seed(0)
    if name == "transformer":
        return Transformer((positions,), 5, width=8, layers=2, heads=2, queries=3, symbols=symbols).double()
    hidden = (10, 6) if name == "deep recurrent" else (10,)
    return Recurrent((positions,), 5, hidden, 4, symbols).double()


def sequences(count: int = 6, positions: int = POSITIONS) -> Tensor:
    """Symbols 4 to 8, the end at different places, padding behind it."""
    draw = torch.Generator().manual_seed(1)
    ends = torch.randint(1, LONGEST, (count, 1), generator=draw)
    places = torch.arange(positions)
    symbols = torch.randint(UNKNOWN + 1, SYMBOLS, (count, positions), generator=draw)
    return symbols.masked_fill(places == ends, END).masked_fill(places > ends, PADDING)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_changes_nothing(name: str) -> None:
    model, x = network(name), sequences()
    short = cut(x)
    assert short.shape[1] == lengths(x).max() < POSITIONS
    code = model.encode(x)
    assert_close(model.encode(short), code, rtol=0, atol=1e-12)
    assert_close(model.encode(x[2:3, : lengths(x)[2]]), code[2:3], rtol=0, atol=1e-12)
    error = Categorical(padding=PADDING)
    whole, part = (error(model.decode_towards(code, some), some) for some in (x, short))
    assert_close(part, whole, rtol=0, atol=1e-12)
    odd = F.pad(short, (0, 2), value=PADDING)
    assert_close(error(model.decode_towards(code, odd), odd), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loss_and_its_gradients_do_not_know_the_padding(name: str) -> None:
    x = sequences()
    found = []
    for some in (x, cut(x)):
        model = Autoencoder(network(name), Categorical(padding=PADDING))
        model.network.cut = lambda x: x  # type: ignore[method-assign]
        model.objective(some).loss.backward()
        found.append({key: value.grad.clone() for key, value in model.named_parameters() if value.grad is not None})
    assert found[0].keys() == found[1].keys()
    for key, value in found[0].items():
        assert_close(found[1][key], value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_symbol_knows_those_that_follow(name: str) -> None:
    model, x = network(name), sequences()
    code = model.encode(x)
    before = model.decode_towards(code, x)
    other = x.clone()
    other[:, 5:] = 4
    after = model.decode_towards(code, other)
    assert_close(after[:, :6], before[:, :6], rtol=0, atol=1e-12)  # the sixth is shown the first five
    assert (after[:, 6:] - before[:, 6:]).abs().amax((1, 2)).max() > 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_step_by_step_is_what_is_trained(name: str) -> None:
    """The logits of a sequence that is written are those that the decoder gives where it is shown that sequence."""
    model = network(name)
    code = torch.randn(7, 5, dtype=torch.float64)
    for choose in (None, drawn(torch.Generator().manual_seed(3))):
        symbols, logits = write(model, code) if choose is None else write(model, code, choose)
        shown = written(model.decode_towards(code, symbols))
        counted = symbols != PADDING
        assert_close(logits[counted], shown[counted], rtol=0, atol=1e-10)
        assert not torch.isin(symbols[counted], torch.tensor([BEGIN, UNKNOWN])).any()
        assert (logits.argmax(-1)[~counted] == PADDING).all()
    assert (model.decode(code).argmax(-1) == write(model, code)[0]).all()
    assert (beam(model, code, 1) == write(model, code)[0]).all()


@pytest.mark.parametrize("name", ["recurrent", "transformer"])
def test_a_wide_beam_finds_the_likeliest_of_all_sequences(name: str) -> None:
    model = network(name, positions=3, symbols=6)
    code = 3 * torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    every = []
    for word in product((END, 4, 5), repeat=3):
        ended = word.index(END) + 1 if END in word else 3
        every.append(tuple(word[:ended]) + (PADDING,) * (3 - ended))
    words = torch.tensor(sorted(set(every)))
    likely = []
    for one in code:
        logits = written(model.decode_towards(one.expand(len(words), -1), words)).log_softmax(-1)
        of_symbol = logits.gather(-1, words.unsqueeze(-1)).squeeze(-1)
        likely.append((of_symbol * (words != PADDING)).sum(-1))
    best = words[torch.stack(likely).argmax(-1)]
    assert (beam(model, code, 27) == best).all()


def test_what_is_written_first_is_given() -> None:
    model = network("recurrent")
    code = torch.randn(4, 5, dtype=torch.float64)
    first = torch.tensor([4, 5, 6, 7])
    assert (write(model, code, first=first)[0][:, 0] == first).all()
    assert (beam(model, code, 3, first)[:, 0] == first).all()


def test_drawn_symbols_have_their_probabilities() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log().expand(40_000, 4)
    shares = drawn(torch.Generator().manual_seed(0))(logits).bincount() / 40_000
    assert_close(shares, torch.tensor([0.1, 0.2, 0.3, 0.4]), rtol=0, atol=0.01)
    sharp = drawn(torch.Generator().manual_seed(0), temperature=0.5)(logits).bincount() / 40_000
    assert_close(sharp, torch.tensor([1.0, 4.0, 9.0, 16.0]) / 30, rtol=0, atol=0.01)


def test_word_dropout_hides_the_symbols_before_and_in_training_alone() -> None:
    model, x = network("recurrent"), sequences()
    model.word_dropout = 0.5
    seen: list[Tensor] = []
    model.logits = lambda code, past: seen.append(past)  # type: ignore[assignment, method-assign, func-returns-value]
    code = torch.zeros(6, 5, dtype=torch.float64)
    model.train().decode_towards(code, x, torch.Generator().manual_seed(0))
    model.eval().decode_towards(code, x)
    hidden, plain = seen
    assert (plain[:, 0] == BEGIN).all() and (plain[:, 1:] == x[:, :-1]).all()
    real = (plain != PADDING) & (plain != BEGIN)
    assert (hidden[~real] == plain[~real]).all() and set(hidden[real].tolist()) > {UNKNOWN}
    assert 0.2 < (hidden[real] == UNKNOWN).double().mean() < 0.8


def test_symbols_are_left_out_hidden_and_moved_no_further_than_they_may() -> None:
    x = torch.cat([torch.arange(4, 44), torch.tensor([END, PADDING, PADDING])]).expand(400, -1)
    generator = torch.Generator().manual_seed(0)
    moved = TokenNoise(drop=0, mask=0, shuffle=3)(x, generator)
    assert (moved[:, 40:] == x[:, 40:]).all() and (moved[:, :40].sort(-1).values == x[:, :40]).all()
    far = (moved[:, :40] - 4 - torch.arange(40)).abs()
    assert far.max() == 3 and far.double().mean() > 0.5
    assert (TokenNoise(drop=0, mask=0, shuffle=0)(x, generator) == x).all()
    fewer = TokenNoise(drop=0.25, mask=0.2, shuffle=0)(x, generator)
    left = lengths(fewer) - 1
    assert abs(left.double().mean() / 40 - 0.75) < 0.02
    assert abs((fewer == UNKNOWN).sum() / left.sum() - 0.2) < 0.02
    assert (fewer.gather(1, left[:, None]) == END).all() and (fewer != PADDING).sum() == (left + 1).sum()
    kept = fewer[0][(fewer[0] != UNKNOWN) & (fewer[0] > UNKNOWN)]
    assert (kept.diff() > 0).all(), "in their order"


def test_a_vae_of_sequences_learns_and_a_mean_code_costs_less_than_a_drawn_one() -> None:
    torch.manual_seed(0)
    x = sequences(24)
    model = VariationalAutoencoder(network("recurrent"), Categorical(padding=PADDING), weight=0.1).double()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        terms = model.train().objective(x, generator)
        terms.loss.backward()
        optimizer.step()
        losses.append(terms.error.item())
    assert losses[-1] < 0.3 * losses[0]
    found = model.eval().evaluate(x)
    assert found.penalties["error_sampled"] > found.error.mean()
    assert_close(found.penalties["elbo"], -(found.penalties["error_sampled"] + found.penalties["rate"]))


def test_one_hot_is_an_mlp_of_indicators() -> None:
    torch.manual_seed(0)
    model = OneHotMLP((POSITIONS,), 5, (7,), symbols=SYMBOLS).double()
    x = sequences()
    indicators = F.one_hot(x, SYMBOLS).flatten(1).double()
    assert_close(
        model.features(x), (indicators @ model.encoder_layers[0].weight.T + model.encoder_layers[0].bias).relu()
    )
    assert model.decode(model.encode(x)).shape == (6, POSITIONS, SYMBOLS)
    assert model.linearize(x) is None and model.filters() is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden": (5,)}, "network.hidden=\\[5\\]: a width for each layer, even"),
        ({"hidden": ()}, "network.hidden=\\[\\]"),
        ({"symbols": None}, "network.symbols=null: .* use data=smiles"),
        ({"symbols": 3}, "network.symbols=3: four have a meaning"),
        ({"word_dropout": 1.0}, "network.word_dropout=1.0"),
    ],
)
def test_recurrent_networks_that_cannot_be(settings: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Recurrent((5,), 3, **({"symbols": 9} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"width": 10, "heads": 4}, {"queries": 0}, {"layers": 0}])
def test_transformers_that_cannot_be(settings: dict[str, int]) -> None:
    with pytest.raises(UserError, match="network"):
        Transformer((5,), 3, symbols=9, **settings)
