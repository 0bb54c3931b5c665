from __future__ import annotations

import pytest

from plugins.errors import InvalidConfig
from plugins.label_studio.layout import MAX_SOURCE, Control, read
from training.questions import Kind


def only(control: str, objects: str = '<Text name="t" value="$text"/>') -> Control:
    layout = read(f"<View>{objects}{control}</View>")
    assert layout.unlearnt == ()
    (found,) = layout.controls.values()
    return found


def reason(control: str, objects: str = '<Text name="t" value="$text"/>') -> str:
    layout = read(f'<View>{objects}{control}<Rating name="fine" toName="t"/><Text name="t" value="$x"/></View>')
    assert list(layout.controls) == ["fine"]
    (unlearnt,) = layout.unlearnt
    return unlearnt.reason


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("", Kind.CHOICE), ("single", Kind.CHOICE), ("single-radio", Kind.CHOICE), ("multiple", Kind.CHOICES)],
)
def test_choices(mode: str, kind: Kind) -> None:
    control = only(
        f'<Header value="How is it?"/><Choices name="c" toName="t" choice="{mode}">'
        '<Choice value="Good" alias="g" hint="all is well"/><View><Choice value="Bad"/></View></Choices>'
    )
    assert control.question.kind is kind
    assert control.question.inputs == ("t",)
    assert control.question.prompt == "How is it?"
    assert [(option.value, option.hint) for option in control.question.options] == [
        ("g", "Good: all is well"),
        ("Bad", ""),
    ]


def test_nested_choices_are_paths_only_where_label_studio_stores_paths() -> None:
    nest = '<Choice value="A"><Choice value="B" alias="b"/></Choice><Choice value="C"/></Choices>'
    assert only(f'<Choices name="c" toName="t">{nest}').question.values == ("A", "C")
    control = only(f'<Choices name="c" toName="t" choice="multiple" allowNested="true">{nest}')
    assert control.nested
    assert control.question.values == ("A", "A › b", "C")


def test_taxonomy() -> None:
    nest = '<Choice value="A"><Choice value="B"/></Choice><Choice value="C"/></Taxonomy>'
    assert only(f'<Taxonomy name="x" toName="t">{nest}').question.values == ("A", "A › B", "C")
    control = only(f'<Taxonomy name="x" toName="t" leafsOnly="true" maxUsages="1">{nest}')
    assert control.question.values == ("A › B", "C")
    assert control.limit == 1


def test_numbers_and_pairs() -> None:
    assert only('<Rating name="r" toName="t"/>').question.values == ("1", "2", "3", "4", "5")
    assert only('<Rating name="r" toName="t" maxRating="3"/>').question.maximum == 3
    number = only('<Number name="n" toName="t" min="-1.5"/>').question
    assert (number.kind, number.minimum, number.maximum) == (Kind.NUMBER, -1.5, None)
    pair = only('<Pairwise name="p" toName="a,b"/>', '<Text name="a" value="$a"/><Text name="b" value="$b"/>')
    assert (pair.question.inputs, pair.to_name) == (("a", "b"), "a")


@pytest.mark.parametrize(
    ("tag", "shown"), [("Labels", "Text"), ("Labels", "HyperText"), ("HyperTextLabels", "HyperText")]
)
def test_spans(tag: str, shown: str) -> None:
    control = only(
        f'<{tag} name="l" toName="o"><Label value="Person" alias="PER"/><Label value="ORG"/></{tag}>',
        f'<{shown} name="o" value="$o"/>',
    )
    assert control.question.kind is Kind.SPANS
    assert control.question.values == ("PER", "ORG")
    assert control.type == tag.lower()


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ('<TextArea name="x" toName="t"/>', "TextArea is not learnt yet"),
        ('<Choices name="x" toName="t" value="$options"/>', "come with each task"),
        ('<Choices name="x" toName="t" value="$options1"/>', "come with each task"),
        ('<Taxonomy name="x" toName="t" apiUrl="http://example.com"/>', "come with each task"),
        ('<Choices name="x" toName="t"/>', "needs options"),
        ('<Choices name="x" toName="t"><Choice value="a"/><Choice value="a"/></Choices>', "stands twice"),
        ('<Choices name="x" toName="t"><Choice value="$a"/></Choices>', "no fixed value"),
        ('<Choices name="x" toName="gone"><Choice value="a"/></Choices>', "does not have"),
        ('<Choices name="x" toName="t" perRegion="true"><Choice value="a"/></Choices>', "about each region"),
        ('<Image name="i" value="$i"/><Choices name="x" toName="i"><Choice value="a"/></Choices>', "it reads Image"),
        ('<Text name="u" valueType="url" value="$u"/><Rating name="x" toName="u"/>', "never fetches"),
        ('<Paragraphs name="d" value="$d"/><Labels name="x" toName="d"><Label value="a"/></Labels>', "Paragraphs"),
        ('<Rating name="x" toName="t" maxRating="many"/>', "many"),
        ('<Taxonomy name="x" toName="t"><Choice value="a › b"/></Taxonomy>', "separates the steps"),
    ],
)
def test_what_is_not_learnt_is_named_and_costs_the_others_nothing(control: str, why: str) -> None:
    assert why in reason(control)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "<View",
        "not xml",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><View>&a;</View>',
        "<View>&undefined;</View>",
        "<View>" + "<a>" * 5000 + "</a>" * 5000 + "</View>",
        " " * (MAX_SOURCE + 1),
    ],
)
def test_what_cannot_be_read_is_an_invalid_config(source: str) -> None:
    with pytest.raises(InvalidConfig):
        read(source)


def test_a_declaration_is_fine() -> None:
    assert read('<?xml version="1.0" encoding="utf-8"?><View/>').controls == {}


def test_examples_hold_text_only() -> None:
    layout = read(
        '<View><Text name="t" value="$a.b[1]"/><Text name="n" value="$number"/><HyperText name="h" value="$html"/>'
        '<Text name="both" value="$number: $a.c"/><Paragraphs name="talk" value="$talk" nameKey="who"/>'
        '<Rating name="r1" toName="t"/><Rating name="r2" toName="n"/><Rating name="r3" toName="h"/>'
        '<Rating name="r4" toName="both"/><Rating name="r5" toName="talk"/></View>'
    )
    talk = [{"who": "A", "text": "hi"}, {"text": "yo"}, 3]
    data = {"a": {"b": ["x", "y\x00\ud83d"], "c": True}, "number": 7.0, "html": "<p>a</p><p>b</p>", "talk": talk}
    assert dict(layout.example("1", data).fields) == {
        "t": "y\ufffd\ufffd",
        "n": "7",
        "h": "a\nb",
        "both": "7: true",
        "talk": "A: hi\nyo",
    }
    for nothing in (None, [], "text", {}, {"a": [], "html": None}):
        assert set(layout.example("1", nothing).fields) <= {"both"}
