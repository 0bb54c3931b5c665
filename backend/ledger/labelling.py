"""The labels of a page: writes an event for each real difference, and the current label with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Event, Label
from labelwheel.backend.ledger.impressions import Start, Trace
from labelwheel.backend.ledger.silence import Silence
from labelwheel.plugins.connector import Work
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Example, Question

_FACTS = ("example_key", "annotator", "answer", "origin", "version")
_KEPT = (*_FACTS, "suggested", "blind", "lead_time", "made_at")


class Labelling:
    """Changes to the labels of one project within one transaction. `count` is how many events were written."""

    def __init__(
        self,
        tx: Session,
        project_id: int,
        questions: Mapping[str, Question],
        moment: datetime,
        trace: Trace | None = None,
        silence: Silence | None = None,
    ) -> None:
        self._tx, self._project_id, self._questions, self._moment = tx, project_id, questions, moment
        self._trace, self._silence = trace, silence or Silence(())
        self._labels: dict[str, dict[str, Label]] = defaultdict(dict)
        self._loaded: set[str] = set()
        self._pending: list[tuple[Event, Label]] = []
        self.count = 0

    def load(self, works: Iterable[str]) -> None:
        """Reads the current labels of some work, all at once."""
        keys = set(works) - self._loaded
        self._loaded |= keys
        for piece in sliced(keys):
            query = select(Label).where(Label.project_id == self._project_id, Label.work_key.in_(piece))
            for label in self._tx.scalars(query):
                self._labels[label.work_key][label.question] = label

    def take(self, work: Work, example: Example, unchanged: bool, blind: bool = False) -> list[str]:
        """Makes the labels of some work what it says; returns what had to be rejected, and why.

        `unchanged` tells that nobody touched the work since the ledger saw it last: an answer that cannot be read any
        more, since an option was removed from the configuration, then stays in the ledger as it was given. `blind` says
        that nobody is shown a suggestion for the example.
        """
        if work.skipped:
            self.clear(work.key)
            return list(work.rejected)
        rejected = list(work.rejected)
        for name, question in self._questions.items():
            label = self._labels[work.key].get(name)
            if name in work.silent and not self._silence.says_none(name, work):
                if label is not None and not unchanged:
                    self._delete(label)
                continue
            if name in work.answers:
                try:
                    self._set(work, question, example, label, blind)
                    continue
                except InvalidAnswer as error:
                    rejected.append(str(error))
            # which question a connector's own rejection is about is not known: keep them all, until someone edits
            if label is not None and not (unchanged and rejected):
                self._delete(label)
        return rejected

    def clear(self, work: str) -> None:
        """Deletes all labels of some work, those of questions that are not asked any more too."""
        for label in list(self._labels[work].values()):
            self._delete(label)

    def finish(self) -> None:
        """Writes what was collected: the events first, for each label names its event."""
        self._tx.flush()
        for event, label in self._pending:
            label.event_id = event.id
            self._tx.add(label)
        self._pending = []
        self._tx.flush()

    def _set(self, work: Work, question: Question, example: Example, label: Label | None, blind: bool) -> None:
        answer = question.check(work.answers[question.name], example)
        origin, start = self._came_about(work, question, example, label, answer)
        facts = {
            "example_key": work.example,
            "annotator": work.annotator,
            "answer": answer,
            "origin": origin,
            "version": start.version,
        }
        if label is not None and all(getattr(label, name) == facts[name] for name in _FACTS):
            if label.suggested is None:
                label.suggested = start.suggested  # of a label that is older than this column
            return
        # one who has seen a suggestion once, on whatever setting, is not led by it less when it is gone
        led = label is not None and not label.blind
        facts |= {"suggested": start.suggested, "blind": blind and start.version is None and not led}
        facts |= {"lead_time": work.lead_time, "made_at": work.updated_at}
        event = self._write("updated" if label else "created", question.name, work.key, facts)
        if label is None:
            label = Label(project_id=self._project_id, question=question.name, work_key=work.key)
            self._labels[work.key][question.name] = label
        for name, value in facts.items():
            setattr(label, name, value)
        # what was compared once may have been learnt since: it is not compared again
        label.unseen_version, label.unseen_agrees = None if label.unseen_version is None else "", None
        self._pending.append((event, label))

    def _came_about(
        self, work: Work, question: Question, example: Example, label: Label | None, answer: Answer
    ) -> tuple[str | None, Start]:
        """How an answer came about, and from what: by the tool, as long as it knows, and else by this ledger.

        A tool that has forgotten the suggestion makes of it what it can: what was known before is nearer to the truth.
        Whoever changes an answer that is there started from what stood there the first time, and not from what is shown
        since.
        """
        told = Start(work.version, work.suggested.get(question.name))
        if label is not None and not work.suggested and told.version in (None, label.version):
            start = Start(label.version, label.suggested)
            if label.answer == answer:
                return label.origin, start
            if start.suggested is not None or label.origin == "made":
                return start.origin(question, example, answer), start
        if self._trace is not None and not work.origins:
            start = self._trace.start(work, question)
            return start.origin(question, example, answer), start
        return work.origins.get(question.name), told

    def _delete(self, label: Label) -> None:
        facts = {name: getattr(label, name) for name in _KEPT}
        self._write("deleted", label.question, label.work_key, facts)
        del self._labels[label.work_key][label.question]
        if inspect(label).persistent:
            self._tx.delete(label)
        self._pending = [(event, other) for event, other in self._pending if other is not label]

    def _write(self, action: str, question: str, work: str, facts: Mapping[str, object]) -> Event:
        event = Event(
            project_id=self._project_id,
            question=question,
            work_key=work,
            action=action,
            recorded_at=self._moment,
            **facts,
        )
        self._tx.add(event)
        self.count += 1
        return event


def append(tx: Session, project_id: int, event: Event) -> None:
    """Adds an event as another ledger recorded it, its number included where it has one, with the label it leaves.

    For simulations alone: nothing is checked, and what people did comes in by `labelwheel.backend.ledger.intake`.
    """
    facts = {name: getattr(event, name) for name in _KEPT}
    place = {"project_id": project_id, "question": event.question, "work_key": event.work_key}
    copy = Event(id=event.id, action=event.action, recorded_at=event.recorded_at, **place, **facts)
    tx.add(copy)
    tx.flush()
    label = tx.scalars(select(Label).filter_by(**place)).one_or_none()
    if event.action == "deleted":
        if label is not None:
            tx.delete(label)
    elif label is None:
        tx.add(Label(event_id=copy.id, **place, **facts))
    else:
        for name, value in {**facts, "event_id": copy.id}.items():
            setattr(label, name, value)
    tx.flush()


def rebuild(tx: Session, project_id: int) -> int:
    """Derives a project's current labels from its events anew; returns how many there are.

    What was found for blind ones is lost (`labelwheel.backend.suggestions.unseen`): they may have been learnt since.
    """
    tx.execute(delete(Label).where(Label.project_id == project_id))
    tx.expire_all()
    last: dict[tuple[str, str], Event] = {}
    query = select(Event).where(Event.project_id == project_id).order_by(Event.id)
    for event in tx.scalars(query.execution_options(yield_per=1000)):
        last[event.work_key, event.question] = event
    current = [event for event in last.values() if event.action != "deleted"]
    for event in sorted(current, key=lambda event: event.id):
        facts = {name: getattr(event, name) for name in _KEPT}
        tx.add(
            Label(
                project_id=project_id,
                question=event.question,
                work_key=event.work_key,
                event_id=event.id,
                unseen_version="" if event.blind else None,
                **facts,
            )
        )
    tx.flush()
    return len(current)
