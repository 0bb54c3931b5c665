"""What Chromium made of these pages in Label Studio 1.23.2 is what the paths and places below say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.label_studio.hypertext import render, units

PAGES = [
    ("<p>One</p>\n<p>two <b>😀 three</b> four</p>", "One\ntwo 😀 three four", "/p[2]/b[1]/text()[1]", 10, True),
    ("<div>start<!-- c -->ing <style>b{}</style>three</div>", "starting three", "/div[1]/text()[2]", 12, True),
    ("plain text three < 4", "plain text three < 4", "/text()[1]", 11, True),
    ("<pre>\n  code three\r\nnext</pre>", "  code three\nnext", "/pre[1]/text()[1]", 7, True),
    (
        "  <table><tr><td>alpha</td><td>beta &amp; gamma</td></tr></table>tail three",
        "alpha\nbeta & gamma\ntail three",
        None,
        22,
        False,
    ),
    (
        "<!doctype html><html><head><title>T</title><style>p{}</style></head><body>\n<p>first<br>second three</p>"
        "<script>var three=1</script><ul><li>a<li>b</ul></body></html>",
        "\nfirst\nsecond three\na\nb",
        None,
        14,
        False,
    ),
    ("<p>one <p>two three <div>x</div>", "one two three x", None, 8, False),
]


@pytest.mark.parametrize(("html", "text", "path", "place", "certain"), PAGES)
def test_pages(html: str, text: str, path: str | None, place: int, certain: bool) -> None:
    rendered = render(html)
    assert rendered.text == text
    assert rendered.certain is certain
    start = text.index("three")
    found = rendered.outward(start, start + 5)
    assert found is not None
    first, offset, last, stop = found
    assert first.place + offset == place
    assert last.place + stop == place + 5
    if path:
        assert first.path == last.path == path
        assert rendered.place(path, units(first.text[:offset])) == place
    assert (rendered.inward(place), rendered.inward(place + 5, end=True)) == (start, start + 5)


def test_inline_pages_keep_leading_space_and_styles_in_place() -> None:
    assert render(" a", inline=True).text == " a"
    assert render(" a").text == "a"
    assert render("<style>x</style>a", inline=True).nodes[-1].place == 1
    assert render("<style>x</style>a").nodes[-1].place == 0


@given(
    st.lists(st.sampled_from(["<p>", "</p>", "<b>", "</b>", "<br>", "😀", "a", " ", "\n", "&amp;", "<td>", "<!--x-->"]))
)
def test_offsets_come_back(parts: list[str]) -> None:
    rendered = render("".join(parts))
    for start, character in enumerate(rendered.text):
        found = rendered.outward(start, start + 1)
        if found is None or found[0] is not found[2] or found[1] >= found[3]:
            assert character == "\n"
            continue
        node, offset, _, stop = found
        assert node.text[offset:stop] == character
        assert rendered.inward(node.place + offset) == start
        assert rendered.inward(node.place + stop, end=True) == start + 1


@given(st.text())
def test_anything_can_be_rendered(html: str) -> None:
    render(html)


@pytest.mark.parametrize(
    ("html", "marked", "text"),
    [
        ("<p>one <br>two</p>", (0, 5), "one "),  # ends on the line break
        ("<p>one<br>two</p>", (3, 7), "two"),  # begins on it
        ("<p>one<br><br>two</p>", (4, 8), "two"),
        ("<p>one</p><style>b{}</style><p>two</p>", (0, 5), "one"),  # ends within what is never seen
        ("<p>one</p><style>b{}</style><p>two</p>", (5, 10), "two"),
        ("<p>one</p>\n<p>two</p>", (3, 7), "\ntwo"),
    ],
)
def test_a_mark_on_what_is_not_seen_is_that_of_the_text_beside_it(
    html: str, marked: tuple[int, int], text: str
) -> None:
    rendered = render(html)
    start, end = rendered.inward(marked[0]), rendered.inward(marked[1], end=True)
    assert rendered.text[start:end] == text


def test_places_outside_of_the_page_are_none() -> None:
    rendered = render("<p>one</p><br>")
    assert rendered.inward(-1) is rendered.inward(5, end=True) is rendered.inward(99) is None
    assert rendered.inward(4, end=True) == 3
