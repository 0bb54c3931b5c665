"""A model of natural language inference: how far a text entails each of some sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from labelwheel.training import encoders, pretrained_files
from labelwheel.training.batches import quiet
from labelwheel.training.errors import InvalidJob, OutOfMemory
from labelwheel.training.kinds.base import Encoding


@dataclass(frozen=True)
class Entailment:
    """A classifier of pairs in evaluation mode on its device. `yes` and `no` are its outputs for entailment and for
    contradiction; where it has none for that, `no` has all others.
    """

    name: str
    digest: str
    module: Any
    tokenizer: Any
    yes: int
    no: tuple[int, ...]

    @property
    def pad(self) -> int:
        """What fills up short rows; it is masked."""
        return int(self.tokenizer.pad_token_id or 0)

    @property
    def longest(self) -> int:
        """How many tokens a text and a sentence can have together."""
        return encoders.longest(self.module, self.tokenizer)

    def rows(self, texts: Sequence[str], sentences: Sequence[str], max_length: int) -> list[Encoding]:
        """A row for each text with each sentence, the sentences of one text in order; a long text is cut."""
        longest = min(max_length, self.longest)
        if not texts:
            return []
        pairs = [(text, sentence) for text in texts for sentence in sentences]
        ids = self.tokenizer(
            [text for text, _ in pairs], [sentence for _, sentence in pairs], truncation="only_first",
            max_length=longest, padding=False,
        )["input_ids"]  # fmt: skip
        return [Encoding(place // len(sentences), row) for place, row in enumerate(ids)]

    def odds(self, outputs: Sequence[np.ndarray], sentences: int) -> list[np.ndarray]:
        """The log-odds of each sentence, (sentences,) for each text, from the outputs of its rows in order."""
        found = [float(row[self.yes] - np.logaddexp.reduce(row[list(self.no)])) for row in outputs]
        return [np.array(found[start : start + sentences]) for start in range(0, len(found), sentences)]


_alive: WeakValueDictionary[tuple[str, str, str], Entailment] = WeakValueDictionary()
"""Those of this process that somebody holds, by name, hash and device: all questions share one."""


def load(name: str, device: str, digest: str | None = None) -> Entailment:
    """A hub name or a folder; with a `digest` only that very model.

    Raises InvalidJob where it is not there, is another one than it was, or knows nothing of entailment; OutOfMemory.
    """
    import torch
    import transformers

    offline: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        folder = pretrained_files.located(name)
        found = pretrained_files.hashed(folder)
        pretrained_files.same(name, found, digest)
        if (there := _alive.get((name, found, device))) is not None:
            return there
        with quiet():
            config = transformers.AutoConfig.from_pretrained(folder, **offline)
            yes, no = _outputs(name, config.id2label)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **offline)
            module = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, **offline
            )
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"{name} does not fit into the memory of {device}") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidJob(f"{name} cannot be loaded: {reason}") from error
    try:
        module.to(device).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"{name} does not fit into the memory of {device}") from error
    if getattr(config, "type_vocab_size", 0) > 1 and tokenizer.sep_token_id is not None:
        module.register_forward_pre_hook(_told_apart(int(tokenizer.sep_token_id)), with_kwargs=True)
    made = _alive[name, found, device] = Entailment(name, found, module, tokenizer, yes, no)
    return made


def _outputs(name: str, labels: Mapping[int, str]) -> tuple[int, tuple[int, ...]]:
    said = {int(index): str(label).lower() for index, label in labels.items()}
    yes = [index for index, label in said.items() if label.startswith("entail")]
    if len(yes) != 1 or len(said) < 2:
        raise InvalidJob(
            f"{name} is no model of natural language inference: none of its outputs is called entailment, but "
            f"{', '.join(said.values())[:100]}"
        )
    no = [index for index, label in said.items() if label.startswith("contra")]
    return yes[0], tuple(no or [index for index in said if index != yes[0]])


def _told_apart(border: int) -> Any:
    """Of models that were taught which of two texts a token is of: what is behind the first border is of the second."""

    def hook(module: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        ids = kwargs.get("input_ids")
        if ids is not None and kwargs.get("token_type_ids") is None:
            seen = (ids == border).long().cumsum(-1) - (ids == border).long()
            kwargs = {**kwargs, "token_type_ids": (seen > 0).long() * kwargs["attention_mask"]}
        return args, kwargs

    return hook
