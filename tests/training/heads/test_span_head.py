"""A head for spans learns names from a few texts, answers as people draw, and comes back from its bytes as it was."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads import files, span_fit, span_head
from labelwheel.training.heads.gazetteer import Gazetteer, marked, out_of_fold
from labelwheel.training.heads.span_answers import best_lean
from labelwheel.training.heads.words import words
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.sureness import Sureness
from labelwheel.training.questions import Example, Kind, Option, Question

QUESTION = Question(
    name="spans", kind=Kind.SPANS, inputs=("text",), options=(Option(value="NAME"), Option(value="SUM"))
)
NAMES = ["Ann Lee", "Bob", "Eve Adams", "Carl Stone", "Dora", "Finn Oak", "Gus", "Hal Reed", "Ida", "Jo Black"]
HOSTILE = [
    "",
    "   ",
    "\u200b\u200b",
    "\x00\x00",
    "🇫🇷👩‍👩‍👧" * 20,
    "a" * 5000,
    "(" * 300,
    "東京都" * 100,
    "\ud800 lone",
    "a\r\n\tb",
]


def example(text, key="1"):
    return Example(key=key, fields={"text": text})


def labelled(count, names=NAMES):
    examples, answers = [], []
    for number in range(count):
        name, amount = names[number % len(names)], f"£{number + 2},300"
        text = [f"please pay {amount} to {name} now", f"{name} was here again", "nothing to see in this one"][
            number % 3
        ]
        spans = [(text.find(each), each, label) for each, label in ((name, "NAME"), (amount, "SUM")) if each in text]
        answers.append([{"start": at, "end": at + len(each), "label": label} for at, each, label in sorted(spans)])
        examples.append(example(text, str(number)))
    return examples, answers


def tokens(examples, width=8):
    """Rows as a champion has them, whose features tell capitals apart."""
    rows, features = [], []
    rng = np.random.default_rng(0)
    for number, each in enumerate(examples):
        text = each.fields["text"]
        places = [(0, 0), *words(text), (0, 0)]
        rows.append(Encoding(number, tuple(range(len(places))), 0, places))
        said = rng.normal(scale=0.1, size=(len(places), width)).astype(np.float32)
        said[:, :1] += [[text[start:end][:1].isupper()] for start, end in places]
        features.append(said)
    return rows, features


def fitted(count=30, width=8):
    examples, answers = labelled(count)
    rows, features = tokens(examples, width)
    return span_fit.fit(QUESTION, examples, answers, features, rows)


def texts_of(prediction, text):
    return [(text[span["start"] : span["end"]], span["label"]) for span in prediction.answer]


@pytest.mark.parametrize("width", [0, 8])
def test_new_names_and_sums_are_found_whole(width):
    head = fitted(width=width).head
    text = "please pay £77,300 to Zoe Quill now"
    rows, features = tokens([example(text)], width)
    [found] = head.decode(QUESTION, [example(text)], rows, head.values(features, []))
    assert texts_of(found, text) == [("£77,300", "SUM"), ("Zoe Quill", "NAME")]
    assert len(found.item_scores) == 2
    assert all(0.3 < score <= 1 for score in found.item_scores)
    assert 0 < found.score <= min(found.item_scores)


def test_what_was_not_learnt_from_is_answered_out_of_fold():
    examples, answers = labelled(30, [f"{letter}{letter.lower()}xo" for letter in "ABCDEFGHIJ"])
    rows, features = tokens(examples)
    found = span_fit.fit(QUESTION, examples, answers, features, rows)
    assert found.places == list(range(30))
    kind = kind_of(QUESTION)
    scores = [kind.score(QUESTION, *each) for each in zip(examples, answers, found.out_of_fold, strict=True)]
    assert kind.headline(scores) > 0.8


def at_random(examples):
    """A word of each, marked without a rule."""
    rng = np.random.default_rng(0)
    marks = []
    for each in examples:
        places = words(each.fields["text"])
        start, end = places[rng.integers(len(places))]
        marks.append([{"start": start, "end": end, "label": "NAME"}])
    return marks


def test_marks_without_a_rule_are_not_known_out_of_fold():
    """However well a head knows them by heart."""
    examples, _ = labelled(30)
    marks = at_random(examples)
    found = span_fit.fit(QUESTION, examples, marks, [], [])
    kind = kind_of(QUESTION)
    losses = [kind.score(QUESTION, *each).loss for each in zip(examples, marks, found.out_of_fold, strict=True)]
    assert np.mean(losses) > 0.5


@pytest.mark.parametrize("width", [0, 8])
def test_bytes_bring_the_same_head_back(width):
    head = fitted(width=width).head
    again = files.load(head.dump())
    examples, _ = labelled(9)
    rows, features = tokens(examples, width)
    one, other = (each.decode(QUESTION, examples, rows, each.values(features, [])) for each in (head, again))
    assert [each.answer for each in one] == [each.answer for each in other]
    np.testing.assert_allclose([each.score for each in one], [each.score for each in other], atol=1e-4)
    assert again.manner == head.manner
    assert again.dump() == head.dump()


def test_scores_are_true_of_what_was_not_learnt_from():
    """Marks without a rule are mostly wrong out of fold: scores say so, and a head of an earlier release does not."""
    examples, _ = labelled(60)
    marks = at_random(examples)
    found = span_fit.fit(QUESTION, examples, marks, [], [])
    scores = [score for one in found.out_of_fold for score in one.item_scores]
    right = [span in gold for gold, one in zip(marks, found.out_of_fold, strict=True) for span in one.answer]
    assert len(scores) >= 10
    assert np.mean(scores) == pytest.approx(np.mean(right), abs=0.1)
    assert found.head.manner.sureness != Sureness()
    assert files.load(found.head.dump()).manner.sureness == found.head.manner.sureness
    before = found.head.manner._asdict()
    del before["sureness"]
    assert span_head._manner(before) == found.head.manner._replace(sureness=Sureness())


def test_on_an_encoder_that_has_learnt_labels_the_others_tell_how_sure_it_is():
    """Marks follow no rule, and of two texts in three the features know them all the same, as they were learnt."""
    rng, (examples, _) = np.random.default_rng(5), labelled(120)
    chosen = [words(each.fields["text"])[int(rng.integers(len(words(each.fields["text"]))))] for each in examples]
    answers = [[{"start": start, "end": end, "label": "NAME"}] for start, end in chosen]
    learnt = np.arange(120) % 3 > 0
    rows, features = tokens(examples)
    for row, said, known, place in zip(rows, features, learnt, chosen, strict=True):
        said[:, 0] = 0.0
        if known:
            said[:, 0] = [5.0 * (token == place) for token in row.offsets]
    groups = [str(number) for number in range(120)]
    heads = [
        span_fit.fit(QUESTION, examples, answers, features, rows, groups=groups, unseen=unseen)
        for unseen in (None, (~learnt).tolist())
    ]
    others, _ = labelled(40)
    rows, features = tokens(others)
    for said in features:
        said[:, 0] = 0.0
    sure = []
    for fitted in heads:
        said = fitted.head.decode(QUESTION, others, rows, fitted.head.values(features, []))
        sure.append(float(np.mean([score for one in said for score in one.item_scores] or [0.0])))
    assert heads[1].head.manner.temperature > 1.1 * heads[0].head.manner.temperature
    assert heads[1].head.manner.lean == 0.0
    assert sure[1] < sure[0]
    assert len(heads[1].out_of_fold) == 120, "all are answered all the same"


@pytest.mark.parametrize("spoil", ["cut", "text", "tensor", "tags", "rows", "none"])
def test_strange_bytes_are_refused_in_a_plain_line(spoil):
    data = fitted(12).head.dump()
    tensors = read_tensors(data)
    said = json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["labelwheel"])
    if spoil == "tensor":
        tensors.pop("moves")
    elif spoil == "tags":
        said["tags"] = said["tags"][:-1]
    elif spoil == "rows":
        said["rows"] = said["rows"][:-1]
    strange = {
        "cut": data[: len(data) // 2],
        "text": b"no head at all",
        "none": write_tensors(tensors),
    }.get(spoil) or write_tensors(tensors, {"labelwheel": json.dumps(said)})
    with pytest.raises(InvalidCheckpoint, match="next label makes a new one"):
        files.load(strange)


def test_labels_that_are_gone_are_never_predicted():
    head = fitted(width=0).head
    text = "please pay £77,300 to Zoe Quill now"
    narrow = QUESTION.model_copy(update={"options": (Option(value="SUM"),)})
    narrow = Question.model_validate(narrow.model_dump())
    [found] = head.decode(narrow, [example(text)], [], [])
    assert texts_of(found, text) == [("£77,300", "SUM")]
    other = Question(name="spans", kind=Kind.SPANS, inputs=("text",), options=(Option(value="NEW"),))
    [none] = head.decode(other, [example(text)], [], [])
    assert none.answer == []
    assert none.score == pytest.approx(1.0)


@pytest.mark.parametrize("width", [0, 8])
def test_hostile_texts_are_answered_and_learnt_from(width):
    examples = [example(text, str(number)) for number, text in enumerate(HOSTILE)]
    more, answers = labelled(12)
    rows, features = tokens([*more, *examples], width)
    marks = [[{"start": 0, "end": len(text), "label": "NAME"}] if text else [] for text in HOSTILE]
    found = span_fit.fit(QUESTION, [*more, *examples], [*answers, *marks], features, rows)
    rows, features = tokens(examples, width)
    predictions = found.head.decode(QUESTION, examples, rows, found.head.values(features, []))
    for each, prediction in [*zip(examples, predictions, strict=True)]:
        if prediction.answer is None:
            assert not words(each.fields["text"])
            continue
        assert prediction.answer == QUESTION.check(prediction.answer, each)
        ends = [0, *(span["end"] for span in prediction.answer)]
        assert all(span["start"] >= end for span, end in zip(prediction.answer, ends, strict=False))
        assert 0 <= prediction.score <= 1
        assert all(0 <= score <= 1 for score in prediction.item_scores)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_no_labels_give_a_head_all_the_same(count):
    examples, answers = labelled(count)
    head = span_fit.fit(QUESTION, examples, answers, [], []).head
    [found] = files.load(head.dump()).decode(QUESTION, [example("hello you")], [], [])
    assert isinstance(found.answer, list)


def test_of_too_many_texts_a_part_is_learnt_from_always_the_same(monkeypatch):
    monkeypatch.setattr(span_fit, "MOST_WORK", 1500)
    one, other = fitted(60), fitted(60)
    assert 3 < len(one.places) < 40
    assert one.places == other.places
    assert len(one.out_of_fold) == len(one.places)
    assert one.head.dump() == other.head.dump()


def test_the_components_of_the_head_before_are_taken_over_where_they_serve():
    examples, answers = labelled(30)
    rows, features = tokens(examples)
    before = span_fit.fit(QUESTION, examples[:20], answers[:20], features[:20], rows[:20]).head
    again = span_fit.fit(QUESTION, examples, answers, features, rows, before=before)
    assert again.head.projection is before.projection
    wider = [np.concatenate([row, row], axis=1) for row in features]
    assert span_fit.fit(QUESTION, examples, answers, wider, rows, before=before).head.projection.centre.shape == (16,)


def test_a_head_goes_on_where_the_last_one_ended():
    """A label of a sort that it did not know is learnt, and what it knew stays."""
    examples, answers = labelled(30)
    rows, features = tokens(examples)
    without = [[span for span in answer if span["label"] == "NAME"] for answer in answers[:24]]
    before = span_fit.fit(QUESTION, examples[:24], without, features[:24], rows[:24]).head
    assert before.tags == ("O", "B-NAME", "I-NAME")
    values = before.values(features, [])
    head = span_fit.follow(QUESTION, examples, answers, values, rows, before, 30.0)
    assert head.projection is before.projection
    assert (head.manner.temperature, head.manner.lean) == (before.manner.temperature, before.manner.lean)
    text = "please pay £77,300 to Zoe Quill now"
    more, said = tokens([example(text)])
    [found] = files.load(head.dump()).decode(QUESTION, [example(text)], more, head.values(said, []))
    assert texts_of(found, text) == [("£77,300", "SUM"), ("Zoe Quill", "NAME")]
    at_once = span_fit.follow(QUESTION, examples[:24], without, values[:24], rows[:24], before, 0.0)
    held, texts = examples[24:], [one.fields["text"] for one in examples[24:]]
    more, said = tokens(held)
    one, other = (each.decode(QUESTION, held, more, each.values(said, [])) for each in (before, at_once))
    assert [texts_of(*each) for each in zip(one, texts, strict=True)] == [
        texts_of(*each) for each in zip(other, texts, strict=True)
    ]


def test_the_newest_are_always_learnt_from_and_of_the_others_the_same(monkeypatch):
    monkeypatch.setattr(span_fit, "MOST_WORK", 1500)
    examples, _ = labelled(60)
    chosen = span_fit.affordable(QUESTION, examples)
    assert 59 in chosen
    assert min(chosen) < 20
    more = [*examples, example("one more of the kind", "60")]
    again = span_fit.affordable(QUESTION, more)
    assert 60 in again
    assert len(set(chosen) - set(again)) <= 4


def test_layers_of_a_real_encoder_are_learnt_from(tmp_path):
    """Also where what its own head reads stands before them, which counts for nothing."""
    from torch import nn

    from labelwheel.training import encoders, layers
    from labelwheel.training.batches import forward
    from labelwheel.training.model import pad_token
    from tests.training.models import tiny_bert

    kind = kind_of(QUESTION)
    module, tokenizer = encoders.load(str(tiny_bert(tmp_path / "tiny")), kind.config(QUESTION), kind.auto_class)
    last = encoders.head(module)
    module.set_submodule(next(name for name, each in module.named_modules() if each is last), nn.Identity())
    whole = layers.behind(module)
    examples, answers = labelled(30)
    text = "please pay £77,300 to Zoe Quill now"
    rows = kind.encode(QUESTION, [*examples, example(text)], tokenizer, 64)
    features = forward(whole, rows, pad_token(tokenizer), pick=lambda output: output.logits)
    assert all(each.shape[1] > 32 for each in features)
    head = span_fit.fit(QUESTION, examples, answers, [each[:, 32:] for each in features[:30]], rows[:30]).head
    spoilt = np.concatenate([np.full((len(features[30]), 32), 1e6, dtype=np.float32), features[30][:, 32:]], axis=1)
    [one] = [Encoding(0, rows[30].input_ids, 0, rows[30].offsets)]
    [found] = head.decode(QUESTION, [example(text)], [one], head.values([spoilt], []))
    assert texts_of(found, text) == [("£77,300", "SUM"), ("Zoe Quill", "NAME")]


def test_a_group_is_in_one_fold():
    folds = span_fit._folds(6, ["a", "a", "b", "b", "c", "a"], 0)
    assert folds[0] == folds[1] == folds[5]
    assert len(set(folds)) == 3


def test_a_gazetteer_knows_the_longest_and_not_its_own_text():
    assert marked(["ann", "lee", "met", "bob"], ["B-NAME", "I-NAME", "O", "B-NAME"]) == [
        (("ann", "lee"), "NAME"),
        (("bob",), "NAME"),
    ]
    book = Gazetteer({("ann",): "NAME", ("ann", "lee"): "SUM"})
    assert book.attributes(["ann", "lee", "ann"]) == [["before=B-SUM"], ["before=I-SUM"], ["before=B-NAME"]]
    whole, parts = out_of_fold([[(("ann",), "NAME")], [(("bob",), "NAME")]], [0, 1])
    assert set(whole.known) == {("ann",), ("bob",)}
    assert set(parts[0].known) == {("bob",)}


def test_the_lean_is_towards_what_is_missed():
    tags = ("O", "B-A", "I-A")
    wanted = np.array([0, 1, 2, 0] * 25)
    sure = np.log(np.eye(3)[wanted] * 0.9 + 0.03)
    assert best_lean(sure, wanted, [4] * 25, tags) == 0.0
    shy = np.log(np.where(wanted[:, None] > 0, 0.25 * np.eye(3)[wanted] + [0.6, 0.1, 0.1], [0.9, 0.01, 0.01]))
    assert best_lean(shy, wanted, [4] * 25, tags) > 0.3


def test_nothing_here_imports_torch():
    code = (
        "import sys, pkgutil, importlib, labelwheel.training.heads as heads\n"
        "[importlib.import_module(f'{heads.__name__}.{each.name}') for each in pkgutil.iter_modules(heads.__path__)]\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
