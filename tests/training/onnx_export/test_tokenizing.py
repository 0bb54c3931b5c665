"""Reading without transformers: row for row what transformers reads, or not at all."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds import kind_of
from labelwheel.training.onnx_export import tokenizing
from labelwheel.training.onnx_export.tokenizing import PROBES, Reader
from labelwheel.training.questions import Kind, Option, Question
from tests.training.models import WORDS, choice, example, tiny_bert

TEXTS = [text for texts in WORDS.values() for text in texts]
LABELS = {0: "a", 1: "b"}


def bert(folder: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(tiny_bert(folder / "base"))


def bytes_in_pairs(folder: Path) -> PreTrainedTokenizerFast:
    """As RoBERTa reads."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=special))
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def pieces(folder: Path) -> PreTrainedTokenizerFast:
    """As XLNet and T5 read: one token behind the text, none before."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def nothing_added(folder: Path) -> PreTrainedTokenizerFast:
    """As GPT-2 reads; without a token for padding."""
    made = Tokenizer(models.WordLevel({"<unk>": 0, "play": 1, "some": 2, "jazz": 3}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


@pytest.fixture(params=[bert, bytes_in_pairs, pieces, nothing_added])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedTokenizerFast:
    found = request.param(tmp_path)
    found("cut", truncation=True, max_length=3, padding="max_length" if found.pad_token else False)  # a state it keeps
    found.save_pretrained(tmp_path)
    return found


def reader(tokenizer: PreTrainedTokenizerFast, folder: Path) -> Reader:
    return Reader.load(folder, tokenizing.words(tokenizer, LABELS))


def test_every_row_is_the_one_that_transformers_reads(tokenizer: PreTrainedTokenizerFast, tmp_path: Path):
    assert tokenizing.alike(tokenizer, reader(tokenizer, tmp_path), TEXTS, 16)


@pytest.mark.parametrize("kind", [Kind.CHOICE, Kind.SPANS])
def test_learners_encode_alike_with_both(kind: Kind, tokenizer: PreTrainedTokenizerFast, tmp_path: Path):
    question = Question(name="q", kind=kind, inputs=("text",), options=(Option(value="a"), Option(value="b")))
    examples = [example(text) for text in (*TEXTS, *PROBES)]
    one, other = (
        kind_of(question).encode(question, examples, each, 24) for each in (tokenizer, reader(tokenizer, tmp_path))
    )
    assert len(one) >= len(TEXTS)
    for mine, theirs in zip(one, other, strict=True):
        assert list(mine.input_ids) == list(theirs.input_ids)
        assert (mine.example, mine.offsets) == (theirs.example, theirs.offsets)


def test_another_way_of_cutting_is_noticed(tmp_path: Path):
    """The one that keeps a text's end is no other tokenizer by its file."""
    made = bert(tmp_path)
    made.truncation_side = "left"
    made.save_pretrained(tmp_path)
    assert not tokenizing.alike(made, reader(made, tmp_path), [], 16)


def test_another_vocabulary_is_noticed(tmp_path: Path):
    bert(tmp_path).save_pretrained(tmp_path)
    other = bytes_in_pairs(tmp_path)
    assert not tokenizing.alike(other, reader(other, tmp_path), [], 16)


def test_what_is_no_tokenizer_is_refused(tmp_path: Path):
    (tmp_path / tokenizing.FILE).write_text("{}")
    words = tokenizing.words(nothing_added(tmp_path), LABELS)
    with pytest.raises(InvalidCheckpoint, match="roll back"):
        Reader.load(tmp_path, words)


def test_labels_keep_their_order(tmp_path: Path):
    found = tokenizing.words(nothing_added(tmp_path), {1: "second", 0: "first"})
    assert found.labels == ("first", "second")
    assert (found.pad, found.unknown) == (0, 0)


def test_blank_examples_have_no_rows(tokenizer: PreTrainedTokenizerFast, tmp_path: Path):
    asked = choice("a", "b")
    assert kind_of(asked).encode(asked, [example(" ", "1")], reader(tokenizer, tmp_path), 16) == []
