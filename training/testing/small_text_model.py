"""Text models that take no time: real classes, a tokenizer of a few words, and weights that know nothing yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def small_text_model(folder: Path, texts: Sequence[str], causal: bool = False, seed: int = 1, **config: Any) -> Path:
    """A T5, or a Llama where `causal`, of two small layers, whose tokens are parts of `texts`, written to `folder`."""
    import torch
    import transformers

    tokenizer = _tokenizer(texts)
    torch.manual_seed(seed)
    shape: dict[str, Any]
    if causal:
        shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
        model: Any = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=len(tokenizer), pad_token_id=0, bos_token_id=2, eos_token_id=1, max_position_embeddings=512,
                **shape | config,
            )
        )  # fmt: skip
    else:
        shape = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0}
        model = transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                vocab_size=len(tokenizer), pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **shape | config
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<pad>", "</s>", "<s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    found.train_from_iterator(texts, trainer)
    found.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    words = PreTrainedTokenizerFast(tokenizer_object=found, model_max_length=512)
    words.add_special_tokens({"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>"})
    return words
