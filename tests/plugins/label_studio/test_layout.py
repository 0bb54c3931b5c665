from __future__ import annotations

import sys

import pytest

from labelwheel.plugins.errors import InvalidConfig
from labelwheel.plugins.label_studio.layout import _SPELLINGS, Control, read
from labelwheel.plugins.label_studio.markup import MAX_SOURCE
from labelwheel.plugins.label_studio.regions import decode
from labelwheel.training.questions import Kind

CHOICE = '<Choice value="a">'


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
    assert control.question.kind == kind
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
    assert control.question.kind == Kind.SPANS
    assert control.question.values == ("PER", "ORG")
    assert control.type == tag.lower()


@pytest.mark.parametrize(
    ("attributes", "maximum"),
    [("", None), ('maxSubmissions="1"', 1), ('maxSubmissions="3" editable="true" rows="4"', 3),
     ('maxSubmissions="0"', None), ('maxSubmissions="many"', None), ('maxsubmissions="2"', 2)],
)  # fmt: skip
def test_a_text_area_takes_as_many_texts_as_it_says(attributes: str, maximum: int | None) -> None:
    control = only(f'<TextArea name="said" toName="o" required="true" {attributes}/>', '<Text name="o" value="$o"/>')
    assert (control.question.kind, control.question.maximum) == (Kind.TEXT, maximum)
    assert control.type == "textarea"


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ('<TextArea name="x" toName="t" perRegion="true"/>', "about each region"),
        ('<TextArea name="x" toName="t" value="$draft"/>', "each task fills it in itself"),
        ('<VideoRectangle name="x" toName="t"/>', "VideoRectangle is not learnt yet"),
        ('<Choices name="x" toName="t" value="$options"/>', "come with each task"),
        ('<Choices name="x" toName="t" value="$options1"/>', "come with each task"),
        ('<Taxonomy name="x" toName="t" apiUrl="http://example.com"/>', "come with each task"),
        ('<Choices name="x" toName="t"/>', "no options"),
        ('<Choices name="x" toName="t"><Choice value="$a"/></Choices>', "no fixed value"),
        ('<Choices name="x" toName="gone"><Choice value="a"/></Choices>', "does not have"),
        ('<Choices name="x" toName="t" perRegion="true"><Choice value="a"/></Choices>', "about each region"),
        ('<Image name="i" value="$i"/><Choices name="x" toName="i"><Choice value="a"/></Choices>', "it reads Image"),
        ('<Text name="u" valueType="url" value="$u"/><Rating name="x" toName="u"/>', "never fetches"),
        ('<Paragraphs name="d" value="$d"/><Labels name="x" toName="d"><Label value="a"/></Labels>', "Paragraphs"),
        ('<Rating name="x" toName="t" maxRating="many"/>', "many"),
        ('<Rating name="x" toName="t" maxRating="10000000"/>', "from 2 to 100"),
        ('<Rating name="x" toName="t" maxRating="1"/>', "from 2 to 100"),
        ('<Rating name="x" toName="t" maxRating="4.5"/>', "from 2 to 100"),
        ('<Taxonomy name="x" toName="t" labeling="true"><Choice value="a"/></Taxonomy>', "about each region"),
        ('<Choices name="x" toName="t" choice="multiple"><Choice value=""/></Choices>', "no value"),
        ('<Rating name="x"/>', "it has no toName"),
        ('<Rating name="x" toname="t"/>', "as toName"),
        ('<rating name="x" toName="t"/>', "write its tag as Rating"),
        ('<text name="o" value="$o"/><Rating name="x" toName="o"/>', "write that tag as Text"),
        ('<textarea name="x" toName="t"/>', "write its tag as TextArea"),
        ('<Relations><Relation value="follows"/></Relations>', "Relations is not learnt yet"),
        ('<Text name="o" value="Step 1: read it"/><Rating name="x" toName="o"/>', "the same words in every task"),
        ('<Text name="o"/><Rating name="x" toName="o"/>', "the same words in every task"),
        ('<Rating name="x" toName="t"/><Choices name="x" toName="t"><Choice value="a"/></Choices>', "two controls"),
        (f'<Rating name="{"x" * 256}" toName="t"/>', "256 characters"),
        ('<Rating name="x" toName="t" {}/>'.format(" ".join(f'a{n}="1"' for n in range(200))), "attributes"),
        (f'<Choices name="x" toName="t"><Choice value="{"a" * 1001}"/></Choices>', "1001 characters"),
        ('<Taxonomy name="x" toName="t">{}{}</Taxonomy>'.format(CHOICE * 200, "</Choice>" * 200), "than 32 levels"),
        (
            '<Choices name="x" toName="t">{}</Choices>'.format(
                "".join(f'<Choice value="{n}"/>' for n in range(10_001))
            ),
            "more than 10000 options",
        ),
        ('<Taxonomy name="x" toName="t"><Choice value="a › b"/></Taxonomy>', "separates the steps"),
    ],
)
def test_what_is_not_learnt_is_named_and_costs_the_others_nothing(control: str, why: str) -> None:
    assert why in reason(control)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ('<Choice value="a"/><Choice value=""/><Choice value="b"/>', ("a", "b")),
        ('<Choice value="a"/><Choice value="$more"/><Choice value="b"/>', ("a", "b")),
        ('<View><Choice value="a"/><Choice value="b"/></View><View><Choice value="a"/></View>', ("a", "b")),
        ('<Choice value="a"/><Choice value="A" alias="a"/><Choice alias="b"/><Choice/>', ("a", "b")),
        ('<Choice value="a"/><!-- <Choice value="c"/> --><?x y?><Choice value="b"/>', ("a", "b")),
    ],
)
def test_an_option_that_cannot_be_learnt_costs_its_question_nothing(options: str, values: tuple[str, ...]) -> None:
    layout = read(f'<View><Text name="t" value="$t"/><Choices name="c" toName="t">{options}</Choices></View>')
    assert layout.controls["c"].question.values == values
    assert [one.name for one in layout.unlearnt] in ([], ["some options of c"])


def test_an_option_belongs_to_the_nearest_control() -> None:
    layout = read(
        '<View><Text name="t" value="$t"/><Choices name="out" toName="t"><Choice value="a"/><View>'
        '<Choices name="in" toName="t"><Choice value="b"/></Choices></View></Choices></View>'
    )
    assert {name: one.question.values for name, one in layout.controls.items()} == {"out": ("a",), "in": ("b",)}


def test_a_name_is_what_label_studio_writes_into_regions_blanks_and_all() -> None:
    layout = read('<View><Text name=" t " value="$t"/><Rating name=" c " toName=" t "/></View>')
    assert layout.controls[" c "].to_name == " t "
    answers, rejected = decode(layout, [{"from_name": " c ", "value": {"rating": 3}}], layout.example("1", {}), {})
    assert (answers, rejected) == ({" c ": 3}, [])


def test_limits_that_label_studio_passes_over_are_passed_over() -> None:
    number = only('<Number name="n" toName="t" min="nan" max="1e999"/>').question
    assert (number.minimum, number.maximum) == (None, None)
    assert only('<Number name="n" toName="t" min="few"/>').question.minimum is None


def test_controls_are_those_that_label_studio_knows() -> None:
    from label_studio_sdk.label_interface.control_tags import _TAG_TO_CLASS

    assert _SPELLINGS.keys() >= _TAG_TO_CLASS.keys(), "a new sort of control: is it learnt, or named as not learnt?"


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


@pytest.mark.parametrize(
    "source",
    [
        '<?xml version="1.0" encoding="utf-8"?><View/>',
        '\n <?xml version="1.0" encoding="utf-16"?><View/>',
        "<!-- <!DOCTYPE x> --><View><!-- <!ENTITY a 'b'> --></View>",
        "<View><Style><![CDATA[ <!DOCTYPE x> ]]></Style></View>",
    ],
)
def test_a_declaration_and_what_stands_in_a_comment_are_fine(source: str) -> None:
    assert read(source).controls == {}


def test_reading_takes_a_time_that_grows_with_the_config_alone() -> None:
    """Counted in calls, of Python's and of C's functions."""

    def calls(size: int) -> int:
        nested = "<View>" * 200 + '<Choices name="c" toName="t">' + '<Choice value="a"/>' * size + "</Choices>"
        counted = 0

        def count(*_: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count)
        try:
            read(f'<View><Text name="t" value="$t"/>{nested}{"</View>" * 200}</View>')
        finally:
            sys.setprofile(None)
        return counted

    assert calls(2_000) < 2.5 * calls(1_000)


def test_thousands_of_attributes_are_not_read() -> None:
    crowd = " ".join(f'a{number}="1"' for number in range(50_000))
    layout = read(f'<View {crowd}><Text name="t" value="$t"/><Rating name="r" toName="t" {crowd}/></View>')
    assert "attributes" in layout.unlearnt[0].reason


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


def test_what_no_question_reads_is_a_column() -> None:
    layout = read(
        '<View><Text name="t" value="$a.b"/><Text name="both" value="$first and $second"/><Text name="src" '
        'value="$source"/><Header value="$stars"/>'
        '<Rating name="r1" toName="t"/><Rating name="r2" toName="both"/></View>'
    )
    data = {"a": "x", "a.b": "text", "first": "1", "second": "2", "source": "web", "stars": 4, "more": {"n": 1}}
    found = layout.example("1", data, {"source": "mail", "batch": "may", "raw": [1]})
    assert found.columns == {"source": "web", "stars": "4", "batch": "may"}
    assert layout.example("1", None, "nonsense").columns == {}
