"""A recording of a question with two answers, as a ledger would have it, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from labelwheel.backend.database.tables import Event, ExampleRow
from labelwheel.backend.ledger.intake import digest
from labelwheel.backend.replay.recording import Recording
from labelwheel.training.questions import Example, Kind, Option, Question

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC = Question(
    name="topic", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="sport"), Option(value="politics"))
)


def example(number: int, part: str = "train") -> ExampleRow:
    key = f"e{number}"
    fields = {"text": f"text {number} {number**5}"}
    return ExampleRow(
        id=number, key=key, fields=fields, digest=digest(Example(key=key, fields=fields)), group=f"g{number}",
        part=part, blind_lot=1.0, gone=False, sweep_number=0, added_at=BEGIN,
    )  # fmt: skip


def event(number: int, key: str, answer: str = "sport", action: str = "created", seconds: float | None = None) -> Event:
    moment = BEGIN + timedelta(seconds=10 * number if seconds is None else seconds)
    return Event(
        id=number, question="topic", example_key=key, work_key=f"w{key}", annotator="ann", action=action, answer=answer,
        origin="made", version=None, blind=False, lead_time=None, made_at=moment, recorded_at=moment,
    )  # fmt: skip


def recording(count: int, **more: object) -> Recording:
    """So many examples, every fifth held out, each labelled once, ten seconds apart."""
    rows = [example(number, "held_out" if number % 5 == 0 else "train") for number in range(1, count + 1)]
    answers = {row.key: ("sport", "politics")[place % 2] for place, row in enumerate(rows)}
    events = [event(number, row.key, answers[row.key]) for number, row in enumerate(rows, start=1)]
    given: dict[str, object] = {"arrivals": rows, "events": events, "truth": answers, **more}
    return Recording("a project", "fake", "1", TOPIC, **given)  # type: ignore[arg-type]
