"""Which labels are probably wrong, for people to look at again: a section of an inspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labelwheel.training.evaluation.doubts import Doubts, can_doubt, doubts
from labelwheel.training.evaluation.markdown import code, table
from labelwheel.training.evaluation.neighbours import Nearest, short, shown, whole
from labelwheel.training.inspection.subject import Section, Subject
from labelwheel.training.questions import answer_line

NAME = "label_errors"

SHARE, LEAST, MOST = 0.05, 10, 200
"""How many are listed: a twentieth of all labels, as people err about so often, but at least ten, and at most what
somebody looks at in an hour or two. What was put right is gone from the next list, and others come up."""

ENOUGH = 50
"""With fewer labels, what the model says against one says more about the model."""

NEIGHBOURS = 3
RENDERED = 20


class LabelErrors:
    """Puts labels in order by how much models that have not learnt from them doubt them; see `doubts`.

    It looks at all labels: what is held out is measured by, and an error there costs more than one in training.
    """

    name = NAME

    def look(self, subject: Subject) -> dict[str, Any]:
        """How many were looked at, how many are suspected, and the most doubtful; or the reason why there are none."""
        problem = subject.problem
        found = doubts(subject) if len(problem) >= ENOUGH else None
        if found is None:
            return {"labels": [], "reason": _reason(subject)} if len(problem) else {}
        listed = most_doubtful(subject, found)
        around = Nearest(whole(len(problem), problem.encodings, subject.frozen.features)).of(listed, NEIGHBOURS)
        labels = [
            {
                "key": problem.rows[place].example.key,
                "text": short(subject.question, problem.rows[place].example),
                "answer": problem.rows[place].answer,
                "suggestion": found.said[place].answer,
                "labelled": answer_line(problem.rows[place].answer, subject.question.text(problem.rows[place].example)),
                "would_say": answer_line(found.said[place].answer, subject.question.text(problem.rows[place].example)),
                "probability": round(float(found.said[place].score), 3),
                "score": round(float(found.values[place]), 3),
                "nearest": shown(subject.question, problem.rows, others),
            }
            for place, others in zip(listed, around, strict=True)
        ]
        return {"looked_at": len(problem), "suspected": found.suspected, "labels": labels}

    def render(self, found: Mapping[str, Any]) -> str:
        """How many, and the first of them by their keys: a report shows nobody's texts."""
        if not found:
            return ""
        if "reason" in found:
            return f"## Label errors\n\n{found['reason']}\n"
        text = (
            f"## Label errors\n\nConfident learning suspects {found['suspected']:,} of {found['looked_at']:,} labels; "
            "where the model is weak, part of these are its own errors. "
        )
        if not found["labels"]:
            return text.rstrip() + "\n"
        first = found["labels"][:RENDERED]
        rows = [
            (
                code(each["key"]),
                code(answer_line(each["answer"])),
                code(answer_line(each["suggestion"])),
                f"{each['probability']:.2f}",
            )
            for each in first
        ]
        more = len(found["labels"]) - len(first)
        end = f"\n\n{more:,} more are listed by `labelwheel errors`." if more else ""
        listed = table(("example", "labelled", "the model would say", "probability"), rows)
        return f"{text}The most doubtful first:\n\n{listed}{end}\n"


def most_doubtful(subject: Subject, found: Doubts) -> list[int]:
    """The places of the labels that are listed, the most doubtful first; none where none is suspected."""
    rows, question, kind = subject.problem.rows, subject.question, subject.kind
    most = min(max(round(SHARE * len(rows)), LEAST), MOST) if found.suspected else 0
    listed: list[int] = []
    for place in np.argsort(-found.values, kind="stable").tolist():
        if len(listed) == most:
            break
        # what the model would say as people did is no error, however unsure it is
        row, said = rows[place], found.said[place]
        if said.answer is not None and kind.score(question, row.example, row.answer, said).loss > kind.tolerance:
            listed.append(place)
    return listed


def _reason(subject: Subject) -> str:
    problem = subject.problem
    if not can_doubt(problem):
        return "Labels of this kind are not ranked: only options, ratings and spans can be weighed against each other."
    if len(problem) < ENOUGH:
        return f"There are {len(problem)} labels: with fewer than {ENOUGH} the model's doubts say little."
    return "All labels are alike, or of near-duplicates: there is nothing to weigh them against."


LABEL_ERRORS: Section = LabelErrors()
