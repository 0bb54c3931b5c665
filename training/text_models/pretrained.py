"""A pretrained model that writes, as it comes from a hub or lies in a folder: safetensors and JSON, and no code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelwheel.training import pretrained_files
from labelwheel.training.batches import quiet
from labelwheel.training.errors import InvalidJob, OutOfMemory

_CAUSAL = ("ForCausalLM", "LMHeadModel")
_UNBOUNDED = 1_000_000


@dataclass(frozen=True)
class TextModel:
    """A module in evaluation mode on its device, all of it frozen, and its tokenizer.

    `reads_apart` tells that an encoder reads the text and a decoder writes; else one stack does both, in one row.
    """

    name: str
    digest: str
    module: Any
    tokenizer: Any
    reads_apart: bool

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self.tokenizer.eos_token_id)

    @property
    def pad(self) -> int:
        """What fills up short rows; it is masked."""
        found = self.tokenizer.pad_token_id
        return self.end if found is None else int(found)

    @property
    def positions(self) -> int:
        """How many tokens it can have in one row."""
        config = self.module.config
        bound = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        if self.reads_apart and config.model_type in ("t5", "mt5", "umt5"):  # their positions are relative
            bound = None
        return min(int(bound or _UNBOUNDED), int(min(self.tokenizer.model_max_length, _UNBOUNDED)))


def load(name: str, device: str, digest: str | None = None) -> TextModel:
    """A hub name or a folder, in bfloat16 on a GPU that has it; with a `digest` only that very model.

    Raises InvalidJob where it is not there, is another one than it was, or does not write; OutOfMemory.
    """
    import torch
    import transformers

    offline: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        folder = pretrained_files.located(name)
        found = pretrained_files.hashed(folder)
        pretrained_files.same(name, found, digest)
        with quiet():
            config = transformers.AutoConfig.from_pretrained(folder, **offline)
            apart = bool(getattr(config, "is_encoder_decoder", False))
            if not apart and not any(end in each for each in config.architectures or () for end in _CAUSAL):
                raise InvalidJob(
                    f"{name} is no model that writes texts: it has to be a sequence-to-sequence or a causal one"
                )
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **offline)
            kind = transformers.AutoModelForSeq2SeqLM if apart else transformers.AutoModelForCausalLM
            module = kind.from_pretrained(folder, use_safetensors=True, dtype=_dtype(device), **offline)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"{name} does not fit into the memory of {device}") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidJob(f"{name} cannot be loaded: {reason}") from error
    if tokenizer.eos_token_id is None:
        raise InvalidJob(f"{name} has no token that ends a text, so that no answer of it would end")
    try:
        module.to(device).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(f"{name} does not fit into the memory of {device}") from error
    # what it was published with, such as a penalty for what stands in the text already, has not been measured
    start = module.generation_config.decoder_start_token_id or getattr(config, "decoder_start_token_id", None)
    module.generation_config = transformers.GenerationConfig(decoder_start_token_id=start)
    return TextModel(name, found, module, tokenizer, apart)


def _dtype(device: str) -> Any:
    import torch

    half = torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if half else torch.float32
