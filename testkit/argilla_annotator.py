"""A simulated annotator in Argilla: takes what comes next, keeps the suggestions that are right, corrects the rest.

It sees what a person sees, through the same API calls as the page makes, and answers from gold labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from testkit.annotator import Annotator, Api, Turn

STATES = ("response", "record")
PENDING = [
    {"type": "terms", "scope": {"entity": entity, "property": "status"}, "values": ["pending"]} for entity in STATES
]
ORDERS = {
    "sequential": {"entity": "record", "property": "inserted_at"},
    "uncertainty": {"entity": "metadata", "metadata_property": "labelwheel_rank"},
}


class Gold(Protocol):
    """What people would answer to a record with these fields: values by question, spans counted as the page does."""

    def __call__(self, fields: Mapping[str, Any]) -> Mapping[str, Any]: ...


class ArgillaAnnotator(Annotator):
    """Answers a dataset record by record over `api(method, path, **arguments)`, the JSON API of one Argilla."""

    def __init__(self, api: Api, dataset: str, gold: Gold, order: str = "sequential") -> None:
        self.api, self.dataset, self.answers, self.order = api, dataset, gold, order
        self.turns: list[Turn] = []
        asked = api("GET", f"/datasets/{dataset}/questions")["items"]
        self._names = {one["id"]: one["name"] for one in asked}

    def turn(self) -> Turn | None:
        """Answer one more record; None where nothing is left."""
        record = self.next_task()
        if record is None:
            return None
        wanted = dict(self.answers(record["fields"]))
        shown = {self._names[one["question_id"]]: one for one in record["suggestions"]}
        suggested = {name: shown[name]["value"] if name in shown else None for name in wanted}
        accepted = {name: _same(suggested[name], value) for name, value in wanted.items()}
        body = {"values": {name: {"value": value} for name, value in wanted.items()}, "status": "submitted"}
        made = self.api("POST", f"/records/{record['id']}/responses", json=body)
        versions = sorted({str(one["agent"]) for one in shown.values()})
        done = Turn(record["id"], versions[-1] if versions else None, accepted, made["id"])
        self.turns.append(done)
        return done

    def next_task(self) -> dict[str, Any] | None:
        """The first record of the queue, in the order that was chosen."""
        body = {"filters": {"and": PENDING}, "sort": [{"scope": ORDERS[self.order], "order": "asc"}]}
        params = {"limit": 1, "include": ["suggestions", "responses"]}
        found = self.api("POST", f"/me/datasets/{self.dataset}/records/search", json=body, params=params)["items"]
        return dict(found[0]["record"]) if found else None


def spans_as_shown(text: str, spans: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Spans in code points as the page counts them, in UTF-16 units.

    Argilla refuses those that then seem to end behind the text, from people too: they are left out.
    """
    shown = []
    for span in spans:
        start, end = (len(text[: span[edge]].encode("utf-16-le")) // 2 for edge in ("start", "end"))
        if end <= len(text):
            shown.append({"start": start, "end": end, "label": span["label"]})
    return shown


def _same(suggested: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return sorted(map(_essence, suggested or [])) == sorted(map(_essence, wanted))
    return bool(suggested == wanted)


def _essence(item: Any) -> str:
    return str(sorted(item.items())) if isinstance(item, Mapping) else str(item)
