"""Whether data, network, corruption and error are of one kind: asked before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from aelab.config.objects import conf_dir
from aelab.config.trust import resolve
from aelab.data.beside import names_of
from aelab.data.given import LABEL
from aelab.data.module import PARTS, DataModule
from aelab.data.preprocessing import SYMBOLS
from aelab.data.windows import Windows
from aelab.errors import UserError
from aelab.evaluation.protocol import Evaluation
from aelab.models import Autoencoder
from aelab.networks import Network, SequenceNetwork
from aelab.networks.conditions import ABLE
from aelab.objectives import ERRORS, Error
from aelab.objectives.batch import Layout
from aelab.objectives.observed import filled, is_partly

LOOKED_THROUGH = 10_000  # examples of a part
LEVEL = 1e-2  # of a grey level, that rounding may take away


def check_range(error: Error, name: str, data: DataModule, parts: Sequence[str]) -> None:
    """UserError where the data, or values of some of their parts, cannot be the targets of an error."""
    whole = getattr(error, "whole", False)
    for part in parts if error.data_range or error.kind == "symbols" else ():
        x = data.examples(part, limit=LOOKED_THROUGH)
        x = filled(x) if is_partly(error) and whole else x
        if error.kind == "symbols":
            advice = f"{_errors_of(0)}, or data of symbols"
            _check_whole(error, f"data={name}: the {part} part", x, "symbols are whole numbers from 0", advice)
        if steps := getattr(error, "steps", None):
            odd = (x * steps - (x * steps).round()).abs() > LEVEL
            if odd.any():
                raise UserError(
                    f"error={error.name} data={name}: the {part} part has values like {x[odd][0].item():.4g}, and the "
                    f"error takes grey levels of 8 bits, multiples of 1/{steps}; use error=gaussian"
                )
        if error.data_range is None:
            continue
        if whole:
            repair = getattr(error, "repair", "use error=squared")
            _check_whole(error, f"data={name}: the {part} part", x, "the error takes whole numbers from 0", repair)
        lowest, highest = error.data_range
        x = x[~x.isnan()] if is_partly(error) else x
        low = x.min().item()
        high = x.max().item()
        if low < lowest or high > highest:
            raise UserError(
                f"error={error.name} data={name}: the {part} part has values from {low:.4g} to {high:.4g}, outside "
                f"[{lowest:g}, {highest:g}]; use error=squared, or rescale the data"
            )
    kind = data.preprocessing.kind
    if (kind == SYMBOLS) != (error.kind == "symbols"):
        raise UserError(
            f"error={error.name} data={name}: an error of {error.kind}, and the data are {kind}; "
            f"{_errors_of(1 - error.event)}"
        )


def _check_whole(error: Error, which: str, x: Tensor, wanted: str, advice: str) -> None:
    x = x.double()
    odd = (x < 0) | (x != x.round())  # NaN is odd, too: it equals nothing
    if odd.any():
        raise UserError(f"error={error.name} {which} has values like {x[odd][0].item():.4g}, and {wanted}; {advice}")


def check_event(config: DictConfig, network: Network, error: Error) -> None:
    """UserError where the decoder's output has not the axes that the error takes."""
    if network.event == error.event:
        return
    takes, gives = (
        "a logit for each symbol" if event else "one number a value" for event in (error.event, network.event)
    )
    raise UserError(
        f"error={error.name} network={config.network.name}: the error takes {takes}, and the decoder gives {gives}; "
        f"{_errors_of(network.event)}, or a network whose class has event = {error.event}"
    )


def check_beside(config: DictConfig, network: Network, layout: Layout) -> None:
    """UserError where network or variant take nothing beside an example, or no weights, or a start leaves them out."""
    variant: Any = resolve("model", config.model._target_, conf_dir())
    if layout.weighted:
        _check_weighted(config, variant)
    if layout.given:
        _check_given(config, network, variant)


def _check_weighted(config: DictConfig, variant: Any) -> None:
    weight = f"data.weight={config.data.weight}"
    if not variant.takes_weights:
        raise UserError(
            f"{weight} model={config.model.name}: what it learns by is no mean over examples, which weights could "
            "weigh; use another model, like model=vae, or leave data.weight out"
        )
    if config.pretraining.name != "none":
        raise UserError(
            f"{weight} pretraining={config.pretraining.name}: layers are trained one by one without weights; use "
            "pretraining=none"
        )


def _check_given(config: DictConfig, network: Network, variant: Any) -> None:
    given = f"data.given={config.data.given}"
    if not network.conditional:
        raise UserError(
            f"{given} network={config.network.name}: this network takes nothing beside an example; use {ABLE}"
        )
    if not variant.takes_given:
        raise UserError(
            f"{given} model={config.model.name}: its encoder could answer by what is given alone; use "
            "model=undercomplete, or leave data.given out"
        )
    if config.pretraining.name != "none":
        raise UserError(
            f"{given} pretraining={config.pretraining.name}: layers are trained one by one without what is given; use "
            "pretraining=none"
        )


def check_noise(config: DictConfig, error: Error, corruption: Any) -> None:
    """UserError where noise of numbers would be added to symbols, or that of symbols to numbers."""
    if error.kind != "symbols" and getattr(corruption, "kind", error.kind) == "symbols":
        raise UserError(
            f"error={error.name} corruption={config.corruption.name}: moves symbols, and the data are {error.kind}; "
            "use corruption=masking or corruption=gaussian"
        )
    of_numbers = getattr(corruption, "kind", None) == "numbers" or getattr(corruption, "std", None) is not None
    if error.kind == "symbols" and of_numbers:
        raise UserError(
            f"error={error.name} corruption={config.corruption.name}: changes numbers, and symbols are none; use "
            "corruption=tokens or corruption=none"
        )


def check_output(config: DictConfig, model: Autoencoder, data: DataModule) -> None:
    """UserError where the decoder does not give a logit for each symbol that the data have."""
    if not model.error.event:
        return
    training = model.training
    with torch.no_grad():
        x = data.examples("train", limit=1).to(next(model.parameters()))
        output = model.eval().output(model.encode(x), x)
    model.train(training)
    limit = None if data.resident else LOOKED_THROUGH  # a single unknown symbol would end the training
    largest = max(int(data.examples(part, limit).max()) for part in PARTS)
    positions = math.prod(data.shape)
    if output.shape[:-1] != (1, positions) or output.shape[-1] <= largest:
        raise UserError(
            f"error={model.error.name} network={config.network.name}: the decoder gives {[*output.shape[1:]]} logits "
            f"of an example, and data={data.name} has {positions} symbols from 0 to {largest}; use a network that "
            f"gives [{positions}, {largest + 1}] or more"
        )


def check_questions(
    questions: Mapping[str, Evaluation], config: DictConfig, model: Autoencoder, data: DataModule | None = None
) -> None:
    """UserError for the first evaluation, by name, that a model cannot answer whatever it learns, or that ``data`` have
    not the texts for."""
    symbols = model.error.kind == "symbols"
    gaps = is_partly(model.error)
    network = f"network={config.network.name}"
    without = {
        "numbers": symbols and f"error={model.error.name}: compares values as numbers, and these are symbols",
        "texts": not symbols and f"error={model.error.name}: asks for texts, and these are numbers",
        "writes": (model.quantized or not isinstance(model.network, SequenceNetwork))
        and f"{network} model={config.model.name}: asks for symbols written one after the other, and for codes that "
        "are no codewords, like those of network=seq2seq model=denoising",
        "filters": model.network.filters() is None and f"{network}: draws the first layer, and this one has no filters",
        "likelihood": not model.has_likelihood
        and f"model={config.model.name} error={model.error.name}: asks for log p(x), and the error is no likelihood of "
        "codes that are drawn",
        "codewords": not model.quantized and f"model={config.model.name}: asks for codewords, and this code has none",
        "jacobian": not model.differentiable
        and f"model={config.model.name}: differentiates the code, and a discrete code has no Jacobian",
    }
    if data is not None:
        without["time"] = not isinstance(data, Windows) and (
            f"data={data.name}: looks at points in time, and these are no windows of signals"
        )
    for name, question in questions.items():
        if gaps and not getattr(question, "takes_gaps", False):
            raise UserError(
                f"evaluation={name} data.missing=mask: looks at whole examples, and some values are not known; ask "
                "evaluation=imputation, or of codes alone, evaluation=retrieval, or train with data.missing=mean"
            )
        check_beside_question(name, question, config, model)
        for lack in filter(None, (without.get(need) for need in getattr(question, "needs", ()))):
            raise UserError(
                f"evaluation={name} {lack}; leave it out, or ask what a code answers alone, like evaluation=code_health"
            )
        if isinstance(data, Windows) and hasattr(question, "check_time"):
            question.check_time(data.name, data.timeline("test"))
        if data is not None and hasattr(question, "check_texts"):
            vocabulary = data.preprocessing.vocabulary
            for part in PARTS:
                rows = np.asarray(data.origin(part)["row"])
                texts = vocabulary.texts(data.values[part].cpu().numpy()) if vocabulary else None
                question.check_texts(data.name, part, texts, rows)


def check_beside_question(name: str, question: Evaluation, config: DictConfig, model: Autoencoder) -> None:
    """UserError for an evaluation that knows no weights or given values, or asks codes for what was given with them."""
    layout = model.layout
    if layout is None:
        return
    if layout.weighted:
        raise UserError(
            f"evaluation={name} data.weight={config.data.weight}: an evaluation counts all examples alike; leave "
            "one of them out"
        )
    given = names_of(config.data.given)
    if not getattr(question, "takes_given", False):
        raise UserError(
            f"evaluation={name} data.given={','.join(given)}: this evaluation knows examples and codes alone; ask "
            "evaluation=generation, linear_probe, retrieval, code_health or anomaly_detection, or leave data.given out"
        )
    label = config.data.get("label", LABEL)
    if getattr(question, "asks_labels", False) and (LABEL in given or label in given):
        raise UserError(
            f"evaluation={name} data.given={','.join(given)}: asks about the label, which encoder and decoder are "
            "given; leave one of them out"
        )


def _errors_of(event: int) -> str:
    """The usual errors where the decoder gives so many axes a value."""
    return "use " + " or ".join([f"error={name}" for name, error in ERRORS.items() if error.event == event][:2])
