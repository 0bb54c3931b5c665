"""The demo set holds what its page and its labelling config say it holds."""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture(scope="module")
def rows():
    text = (DEMO / "messages.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.fixture(scope="module")
def config():
    return ET.parse(DEMO / "label_config.xml").getroot()


def config_values(config, control, item):
    """The values listed under the one control tag of this kind."""
    (tag,) = config.iter(control)
    return [child.get("value") for child in tag.iter(item)]


def test_config_asks_the_two_questions_of_the_one_text(config):
    (text,) = config.iter("Text")
    (choices,) = config.iter("Choices")
    (labels,) = config.iter("Labels")
    assert text.attrib == {"name": "text", "value": "$text"}
    assert (choices.get("name"), choices.get("toName"), choices.get("choice")) == ("topic", "text", "single")
    assert (labels.get("name"), labels.get("toName")) == ("mentions", "text")
    assert all(label.get("background") for label in labels)


def test_rows_have_the_same_fields_and_their_own_id(rows):
    assert len(rows) >= 300
    assert all(list(row) == ["id", "text", "topic", "spans"] for row in rows)
    assert all(isinstance(row["text"], str) and row["text"].strip() for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)


def test_topics_are_those_of_the_config_and_none_is_rare(rows, config):
    counts = Counter(row["topic"] for row in rows)
    assert set(counts) == set(config_values(config, "Choices", "Choice"))
    assert min(counts.values()) >= 35


def test_span_labels_are_those_of_the_config(rows, config):
    used = {span["label"] for row in rows for span in row["spans"]}
    assert used == set(config_values(config, "Labels", "Label"))


def test_spans_lie_in_the_text_in_order_without_loose_edges_or_overlap(rows):
    for row in rows:
        end_before = 0
        for span in row["spans"]:
            assert set(span) == {"start", "end", "label"}, row["id"]
            assert type(span["start"]) is type(span["end"]) is int, row["id"]
            assert end_before <= span["start"] < span["end"] <= len(row["text"]), row["id"]
            piece = row["text"][span["start"] : span["end"]]
            assert piece == piece.strip(), (row["id"], piece)
            end_before = span["end"]


def test_spans_do_not_cut_a_word_or_a_joined_character(rows):
    """A span may end between a digit and a letter ('£4.95delivery'), but not inside
    a run of letters or of digits, nor before a mark that joins what precedes it."""
    attached = {"\u200d", "\ufe0f", "\u0301", "\u0308", "\u20e3"} | {chr(c) for c in range(0x1F3FB, 0x1F400)}
    for row in rows:
        text = row["text"]
        for span in row["spans"]:
            for cut in (span["start"], span["end"]):
                left, right = text[cut - 1 : cut] if cut else "", text[cut : cut + 1]
                assert right not in attached, (row["id"], span)
                assert left != "\u200d", (row["id"], span)
                assert not (left.isalpha() and right.isalpha()), (row["id"], span)
                assert not (left.isdigit() and right.isdigit()), (row["id"], span)


def grams(text, size=5):
    folded = " ".join(text.casefold().split())
    return {folded[i : i + size] for i in range(max(1, len(folded) - size + 1))}


def test_no_two_messages_are_nearly_the_same(rows):
    sets = [(row["id"], grams(row["text"])) for row in rows]
    close = []
    for (id_a, a), (id_b, b) in combinations(sets, 2):
        if min(len(a), len(b)) > 0.8 * max(len(a), len(b)):
            shared = len(a & b)
            if shared > 0.8 * (len(a) + len(b) - shared):
                close.append((id_a, id_b))
    assert close == []


def test_the_set_holds_the_awkward_shapes_it_promises(rows):
    texts = [row["text"] for row in rows]
    beyond_bmp = [t for t in texts if any(ord(c) > 0xFFFF for c in t)]
    assert len(beyond_bmp) >= 30
    assert any("\u200d" in t for t in texts), "emoji joined by ZWJ"
    assert any(0x1F3FB <= ord(c) <= 0x1F3FF for t in texts for c in t), "skin tone"
    assert any(0x1F1E6 <= ord(c) <= 0x1F1FF for t in texts for c in t), "flag"
    assert any("\u0301" in t or "\u0308" in t for t in texts), "decomposed accent"
    assert sum(len(t.split()) == 1 for t in texts) >= 3
    assert sum(t.count("\n") >= 5 for t in texts) >= 3
    assert any(t[0] == " " for t in texts), "leading space"
    assert any(not row["spans"] for row in rows)


def test_some_spans_follow_an_emoji_or_touch_another_of_their_label(rows):
    """Offsets in code points and in UTF-16 units differ only after such emoji."""
    after = neighbours = 0
    for row in rows:
        for span in row["spans"]:
            after += any(ord(c) > 0xFFFF for c in row["text"][: span["start"]])
        for a, b in pairwise(row["spans"]):
            between = row["text"][a["end"] : b["start"]]
            neighbours += a["label"] == b["label"] and not any(c.isalnum() for c in between)
    assert after >= 10
    assert neighbours >= 5


def test_the_page_states_the_counts_of_the_file(rows):
    page = (DEMO / "README.md").read_text(encoding="utf-8")
    topics = Counter(row["topic"] for row in rows)
    labels = Counter(span["label"] for row in rows for span in row["spans"])
    for name, count in (topics | labels).items():
        assert f"| {name} | {count} |" in page
    assert f"{len(rows)} messages" in page
