"""The status as people see it: what the issue lists has to be there, whatever is missing from the answer's values."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from labelwheel.backend.commands import inspection, overview
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import wording


@pytest.mark.parametrize(("number", "words"), [(0, "0 labels"), (1, "1 label"), (2300, "2,300 labels")])
def test_counts_are_counted(number, words):
    assert wording.counted(number, "label") == words


def moment(seconds):
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


CHAMPION = {
    "version": "1-topic-0003-abc",
    "recipe": "auto",
    "metric": "span_f1",
    "score": 0.913,
    "low": 0.88,
    "high": 1.0,
}
ROUND = {"id": 9, "state": "running", "progress": 0.42, "seconds_left": 75}
STATUS = {
    "worker": {"alive": True, "owner": "x", "seen_at": moment(1)},
    "servers": [
        {"name": "host:9090", "alive": True, "memory_mb": 512.3, "problems": {"1": {"message": "too large"}}},
        {"name": "gone:9090", "alive": False, "memory_mb": 99.0, "problems": {}},
    ],
    "projects": [
        {
            "id": 1, "tool": "a-tool", "url": "http://t", "external_id": "7", "title": "Support [mails]",
            "state": "connected", "step": "", "problem": None,
            "version": {"current": "lw-1-0002-xyz", "served": ["lw-1-0001-uvw"], "announced": "lw-1-0001-uvw"},
            "poll": {"at": moment(3), "lag_seconds": 3, "hinted_at": None},
            "examples": {
                "total": 500, "gone": 0, "labelled": 120, "train": 90, "held_out": 30, "apart": 0, "blind": 48,
            },
            "backfill": {"version": "lw-1-0002-xyz", "state": "running", "done": 120, "total": 380},
            "acceptance": [
                {"version": "lw-1-0001-uvw", "accepted": 20, "changed": 5, "made": 5, "rate": 0.8},
                {"version": "lw-1-0000-rst", "accepted": 0, "changed": 0, "made": 0, "rate": None},
                {"version": None, "accepted": 9, "changed": 1, "made": 30, "rate": 0.9},
            ],
            "work": {"total": 60, "skipped": 0, "rejected": 17, "reasons": ["'topic' has no label 'Cars'", "a [x]"]},
            "unlearnt": [{"name": "note", "reason": "free text is not learnt yet"}],
            "questions": [
                {
                    "id": 1, "name": "topic", "kind": "choice", "active": True, "pinned": True, "champion": CHAMPION,
                    "labels": {"total": 120, "held_out": 30, "unusable": 2},
                    "next_round": {"labels_left": None, "reason": "a round is running"}, "round": ROUND,
                    "hidden": {
                        "below": 0.5, "source": "LABELWHEEL_SHOW", "one_by_one": False, "measured_below": 0.5,
                        "suggestions": 30, "hidden": 3, "share": 0.1,
                    },
                    "outlook": {"target": 0.9, "needed": {"median": 300}, "reason": "about 180 more labels: [x]"},
                    "acceptance": [
                        {"version": "lw-1-0001-uvw", "accepted": 1, "changed": 1, "made": 0, "rate": 0.5},
                        {"version": "lw-1-0002-xyz", "accepted": 13, "changed": 5, "made": 18, "rate": 0.7222},
                        {"version": None, "accepted": 9, "changed": 0, "made": 40, "rate": 1.0},
                    ],
                },
                {
                    "id": 2, "name": "mentions", "kind": "spans", "active": True, "pinned": False, "champion": None,
                    "labels": {"total": 15, "held_out": 0, "unusable": 0},
                    "next_round": {"labels_left": 1, "reason": ""}, "round": None,
                },
                {"id": 3, "name": "removed", "active": False},
            ],
            "decisions": [{"at": moment(200), "question": "topic", "kind": "rejected", "reason": "it lost [x]"}] * 9,
        },
        {"id": 2, "state": "disconnected"},
    ],
}  # fmt: skip


def shown(status=STATUS, width=150):
    console = Console(width=width, file=None, highlight=False)
    with console.capture() as capture:
        console.print(overview.render(status, "http://here"))
    return " ".join(capture.get().split())


@pytest.mark.parametrize(
    "expected",
    [
        "1 web process, 512 MB",
        "host:9090 cannot serve project 1: too large",
        "Support [mails]",
        "lw-1-0002-xyz (being loaded)",
        "topic (rolled back)",
        "span f1 .91 (.88–1.0)",
        "120 (30 held out, 2 unusable) 72 % of 18 running",
        "running",
        "42 %",
        "75 s left",
        "topic to 0.9: about 180 more labels: [x]",
        "topic: suggestions with a score below .50 are not shown (LABELWHEEL_SHOW): 3 of 30 (10 %) on the measured",
        "mentions none yet 15 after 1 more label",
        "500 examples (48 blind), 120 labelled",
        "suggestions of lw-1-0002-xyz: running, 120 of 380 examples",
        "accepted as suggested: 80 % of 25 (lw-1-0001-uvw) topic",
        "17 of 60 submissions not learnt, or not as a whole: 'topic' has no label 'Cars' (and 1 other reason)",
        "not learnt: note: free text is not learnt yet",
        "min ago topic rejected: it lost [x]",
    ],
)
def test_the_status_tells(expected):
    assert expected in shown()


def test_label_names_are_not_said_to_be_measured_soon():
    question = STATUS["projects"][0]["questions"][0]
    names = question | {"champion": question["champion"] | {"recipe": "names", "score": None}}
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "questions": [names]}]}, 220)
    assert "label names, no score" in text
    assert "not measured yet" not in text


def test_where_no_label_is_missing_it_says_what_a_round_waits_for():
    """ "After 0 more labels" was said while ten independent examples were asked for, and no round came."""
    question = STATUS["projects"][0]["questions"][1] | {"next_round": {"labels_left": 0, "reason": "label 3 more"}}
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "questions": [question]}]})
    assert "label 3 more" in text
    assert "after 0 more" not in text


def test_a_round_that_has_not_begun_in_its_job_waits_there():
    """Five questions share one job: four of them were said to be running, at 0 %, for minutes."""
    question = STATUS["projects"][0]["questions"][0] | {"round": ROUND | {"progress": 0.0, "seconds_left": None}}
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "questions": [question]}]})
    assert "waits in its job" in text
    assert "running ┄" not in text


def test_a_model_that_is_away_and_answered_for_is_not_said_to_be_unable():
    away = {"message": "it cannot be reached; what lies beside it answers meanwhile", "answered_for": "yes"}
    text = shown({**STATUS, "servers": [{**STATUS["servers"][0], "problems": {"1": away}}]})
    assert "host:9090: it cannot be reached; what lies beside it answers meanwhile" in text
    assert "cannot serve" not in text


def test_the_status_leaves_out():
    text = shown()
    for unexpected in ("removed", "worker is not running", "project 2", "lw-1-0000-rst", "99"):
        assert unexpected not in text
    assert text.count("rejected") == 5


def test_the_newest_versions_tell_what_was_accepted():
    """Answers without a suggestion counted: 13 of 18 was "72 % of 36". And the oldest four were told."""
    versions = [
        {"version": f"lw-{number}", "accepted": 13, "changed": 5, "made": 18, "rate": 13 / 18} for number in range(6)
    ]
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "acceptance": versions}]})
    assert "72 % of 18 (lw-2), 72 % of 18 (lw-3), 72 % of 18 (lw-4), 72 % of 18 (lw-5)" in text
    assert "of 36" not in text
    assert "lw-1)" not in text


def test_a_column_that_no_example_has_is_named():
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "absent_columns": ["sorce"]}]})
    assert "no new example has a column 'sorce', which LABELWHEEL_SLICES or LABELWHEEL_GROUPS names" in " ".join(
        text.split()
    )


def test_what_gets_no_suggestion_is_named():
    unread = {"most": 20_000, "too_long": {"count": 1, "keys": ["7"]}, "without_text": {"count": 0, "keys": []}}
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "unsuggested": unread}]})
    assert "no suggestion: 1 example is longer than 20,000 characters (LABELWHEEL_MAX_CHARACTERS) (7)" in " ".join(
        text.split()
    )


def test_a_service_without_worker_and_web_is_noticed():
    text = shown({"worker": {"alive": False}, "servers": [], "projects": []})
    assert "worker is not running" in text
    assert "no web process" in text


def test_a_narrow_terminal_loses_no_words():
    assert "span f1" in shown(width=70)


def test_names_stay_whole_at_a_hundred_columns():
    lines = rendered(100)
    assert any(line.split()[:3] == ["topic", "(rolled", "back)"] and "1-topic-0003-abc" in line for line in lines)
    assert all(len(line) <= 100 for line in lines)


def rendered(width):
    console = Console(width=width, file=None, highlight=False)
    with console.capture() as capture:
        console.print(overview.render(STATUS, "http://here"))
    return capture.get().splitlines()


def test_one_project_of_several():
    both = {**STATUS, "projects": [STATUS["projects"][0], {**STATUS["projects"][0], "id": 3, "title": "Others"}]}
    console = Console(width=150, file=None, highlight=False)
    with console.capture() as capture:
        console.print(overview.render(both, "http://here", project="Others"))
    assert "Others" in capture.get()
    assert "Support [mails]" not in capture.get()
    with pytest.raises(NotFound):
        overview.render(both, "http://here", project="nobody's")


@pytest.mark.parametrize("height", [10, 40, 200])
def test_what_is_watched_fits_into_the_window_and_says_what_does_not(height):
    many = {**STATUS, "projects": STATUS["projects"][:1] * 5}
    console = Console(width=150, height=height, file=None, highlight=False)
    found = overview.render(many, "http://here")  # once: it says how many seconds ago labels were looked for
    with console.capture() as capture:
        console.print(found)
    whole = capture.get().splitlines()
    with console.capture() as capture:
        console.print(overview.Fitted(found))
    lines = capture.get().splitlines()
    assert len(lines) == min(len(whole), height - 1)
    if len(whole) > height - 1:
        assert f"… {len(whole) - len(lines) + 1} more lines" in lines[-1]
        assert [line.rstrip() for line in lines[:-1]] == [line.rstrip() for line in whole[: len(lines) - 1]]


def test_watching_goes_on_when_the_service_is_away_and_ends_with_ctrl_c(monkeypatch, capsys):
    from labelwheel.backend.errors import ServiceUnreachable

    class Client:
        url = "http://here"
        asked = 0

        def status(self):
            self.asked += 1
            if self.asked == 2:
                raise ServiceUnreachable("it went away")
            if self.asked == 4:
                raise KeyboardInterrupt
            return STATUS

    client = Client()
    monkeypatch.setattr(inspection.targets, "service", lambda: client)
    monkeypatch.setattr(inspection, "REFRESH_SECONDS", 0)
    inspection.status(watch=True, project=None, as_json=False)
    assert client.asked == 4
    assert "Support" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (120, "2 min"), (5399, "90 min"), (7500, "2 h 5 min"), (None, "")],
)
def test_durations(seconds, words):
    assert wording.duration(seconds).replace("1 h 30 min", "90 min") == words


def test_blind_labels_are_counted_once_there_are_any():
    labels = {"total": 120, "held_out": 30, "blind": 11}
    assert wording.labels(labels) == "120 (30 held out, 11 blind)"
    assert wording.labels({**labels, "blind": 0}) == "120 (30 held out)"


def test_of_a_text_it_is_told_how_much_of_it_was_changed():
    line = {"version": "lw-1", "accepted": 13, "changed": 5, "made": 0, "rate": 13 / 18, "edited": 0.0834}
    text = shown({**STATUS, "projects": [{**STATUS["projects"][0], "acceptance": [line]}]})
    assert "72 % of 18, 8 % of the text changed (lw-1)" in " ".join(text.split())


def test_engines_that_were_measured_are_named_once():
    took = {"onnx": {"single": 2.41, "batched": 1.5}, "openvino": {"single": 1.93, "batched": 1.2}}
    measured = {"arithmetic": "openvino bf16", "engine": "openvino", "milliseconds": took}
    alive = [
        {"models": {"engines": [{"arithmetic": "onnx"}, measured]}},
        {"models": {"engines": [measured]}},
        {"models": {}},
    ]
    assert overview._engines(alive) == ", openvino bf16: 1.9 ms a text (onnx 2.4)"
    assert overview._engines([{"models": None}, {"models": {"engines": [{"arithmetic": "onnx"}]}}]) == ""
