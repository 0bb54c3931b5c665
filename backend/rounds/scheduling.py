"""Starts the rounds that the policy asks for, and writes down once why it does not."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import Project, QuestionRow
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import champion_groups, decisions, projects
from labelwheel.backend.rounds import evidence, evidence_mark, round_commands, unheeded
from labelwheel.backend.rounds.evidence import Facts, gather
from labelwheel.backend.rounds.evidence_mark import Mark
from labelwheel.backend.rounds.policy import Verdict, judge
from labelwheel.backend.settings import Settings
from labelwheel.training.spec import Recipe

_PRESSED = "someone pressed train in the labelling tool"


class Scheduler:
    """Judges the questions of one project, again and again: what it goes by is read anew where it has changed.

    Ages are those of the moment, so that a pause that ends is noticed, too.
    """

    def __init__(self, hold: Hold, settings: Settings, project_id: int) -> None:
        self._hold, self._settings, self._id = hold, settings, project_id
        self._mark: Mark = ()
        self._questions: list[QuestionRow] = []
        self._facts: dict[int, Facts] = {}
        self._noted: dict[int, str] = {}

    def step(self, only_names: bool = False) -> int:
        """Judges every question; returns how many rounds were ordered.

        A question that cannot be judged holds no other up: what it raised is raised when all others are done.
        """
        self._look()
        ordered, errors = 0, []
        for question in self._questions:
            try:
                ordered += self._consider(question, only_names)
            except LeaseLost:
                raise
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return ordered

    def verdicts(self) -> dict[int, Verdict]:
        """What the policy says at this moment, by question's id."""
        self._look()
        return {question.id: self._verdict(question) for question in self._questions}

    def _look(self) -> None:
        """Forgets what has changed."""
        with self._hold.database.glance() as connection:
            mark = evidence_mark.read(connection, self._id)
        if mark == self._mark:
            return
        with self._hold.database.session() as session:
            questions = projects.questions(session, self._id)
        self._mark, self._questions, self._facts, self._noted = mark, questions, {}, {}

    def _verdict(self, question: QuestionRow) -> Verdict:
        if question.id not in self._facts:
            with self._hold.database.session() as session:
                self._facts[question.id] = evidence.read(session, question, self._settings)
        return judge(self._facts[question.id].present(), self._settings)

    def _consider(self, question: QuestionRow, only_names: bool) -> int:
        verdict = self._verdict(question)
        if verdict.recipe is None:
            if verdict.notable and self._noted.get(question.id) != verdict.code:
                _note(self._hold, question, verdict)
                self._noted[question.id] = verdict.code
            return 0
        return _order(self._hold, question, verdict) if verdict.recipe is Recipe.NAMES or not only_names else 0


def asked(database: Database, settings: Settings, project_id: int) -> dict[str, str]:
    """Someone pressed "train" in the labelling tool, who need not be the admin: starts what the policy allows, and does
    not wait for people to pause. Returns by question what comes of it, in words; the log has why nothing did."""
    with database.session() as session:
        found = [
            (question, judge(replace(gather(session, question, settings), newest=None), settings))
            for question in projects.questions(session, project_id)
        ]
    answers, refused = {}, {}
    for question, verdict in found:
        if verdict.recipe is None:
            refused[question.name] = verdict.reason
            continue
        reason = f"{_PRESSED}, and {verdict.reason}"
        try:
            with database.transaction() as tx:
                round_commands.order(tx, question.id, verdict.trigger, verdict.recipe)
                champion_groups.decide(tx, question, "ordered", reason, {"recipe": verdict.recipe})
        except (Conflict, NotFound) as error:
            refused[question.name] = str(error)
        else:
            answers[question.name] = f"a round starts: {verdict.reason}"
    if refused:
        with database.transaction() as tx:
            unheeded.note(tx, projects.get(tx, project_id), f"{_PRESSED}, and no round starts", refused)
    return answers | {name: f"no round: {reason}" for name, reason in refused.items()}


def _order(hold: Hold, question: QuestionRow, verdict: Verdict) -> int:
    try:
        with hold.transaction() as tx:
            round_commands.order(tx, question.id, verdict.trigger, verdict.recipe or Recipe.AUTO)
            champion_groups.decide(tx, question, "ordered", verdict.reason, {"recipe": verdict.recipe})
    except Conflict:
        return 0  # somebody was faster
    return 1


def _note(hold: Hold, question: QuestionRow, verdict: Verdict) -> None:
    with hold.database.session() as session:
        if _noted(session, question, verdict):
            return
    with hold.transaction() as tx:
        project: Project = projects.get(tx, question.project_id)
        decisions.decide(tx, project, question.name, "skipped", verdict.reason, {"code": verdict.code})


def _noted(session: Session, question: QuestionRow, verdict: Verdict) -> bool:
    last = decisions.latest(session, question.project_id, 1, question.name)
    return bool(last) and last[0].kind == "skipped" and last[0].details.get("code") == verdict.code
