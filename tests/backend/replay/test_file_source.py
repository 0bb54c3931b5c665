from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from labelwheel.backend.errors import InvalidRequest, NotFound
from labelwheel.backend.replay import file_source


def write(path: Path, rows: Iterable[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows(count: int) -> list[dict[str, object]]:
    return [{"text": f"text {number}", "label": ("a", "b")[number % 2]} for number in range(count)]


def test_texts_are_kept_apart_for_the_curve_and_none_is_there_twice(tmp_path: Path) -> None:
    given = [*rows(50), {"text": "TEXT  7", "label": "b"}]
    found = file_source.read(write(tmp_path / "f.jsonl", given), "text", "label", 13)
    pool, tests = (
        [found.example(key).fields["text"] for key in found.truth],
        [one.fields["text"] for one, _ in found.tests],
    )
    assert (len(pool), len(tests)) == (40, 10)
    assert len({*pool, *tests}) == 50
    assert [each.example_key for each in found.events] == list(found.truth)
    assert {option.value for option in found.question.options} == {"a", "b"}
    assert pool != [each["text"] for each in given[10:50]], "a file is often sorted: the order is by lot"


def test_the_order_is_the_seeds(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", rows(50))
    first, again, other = (file_source.read(path, "text", "label", seed).arrivals for seed in (1, 1, 2))
    texts = [[row.fields["text"] for row in rows] for rows in (first, again, other)]
    assert texts[0] == texts[1] != texts[2]


def test_a_list_of_labels_may_have_any_number(tmp_path: Path) -> None:
    given = [{"t": f"text {number}", "tags": [["x"], [], ["y", "x"]][number % 3]} for number in range(60)]
    found = file_source.read(write(tmp_path / "f.jsonl", given), "t", "tags", 13)
    assert found.question.kind == "choices"
    assert {tuple(answer) for answer in found.truth.values()} == {(), ("x",), ("x", "y")}


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("text,label\n" + "".join(f'"a, {number}",{number % 3}\n' for number in range(60)), "utf-8")
    found = file_source.read(path, "text", "label", 13)
    assert {option.value for option in found.question.options} == {"0", "1", "2"}
    assert all(found.example(key).fields["text"].startswith("a, ") for key in found.truth)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"text": "a"}], "line 1, has no 'label', but 'text'; say which fields"),
        ([*rows(3), {"text": 5, "label": "a"}], "line 4, is not a text with a label"),
        ([["text"]], "line 1, is no JSON object"),
        (rows(10), "has 10 different texts; 40 are the least"),
        ([{**row, "label": "a"} for row in rows(60)], "1 different labels in 'label'"),
        ([*rows(50), {"text": "z", "label": ["a"]}], "lists in 'label' in some lines"),
    ],
)
def test_what_does_not_fit_is_said_with_its_line(tmp_path: Path, lines: list[object], said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        file_source.read(write(tmp_path / "f.jsonl", lines), "text", "label", 13)
    assert said in str(raised.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        file_source.read(tmp_path / "f.jsonl", "text", "label", 13)
    (tmp_path / "f.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(InvalidRequest, match="no UTF-8 file of JSON lines"):
        file_source.read(tmp_path / "f.jsonl", "text", "label", 13)
