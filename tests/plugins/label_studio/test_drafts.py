"""Interactive mode: what is added to an annotation that is being made."""

import copy
import json

import pytest
from flask import Flask, jsonify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelwheel.backend.web.body import StrictJSON
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import UnknownProject
from labelwheel.plugins.label_studio import LabelStudio
from labelwheel.plugins.label_studio.drafts import Memory
from labelwheel.plugins.label_studio.layout import read
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Prediction

CONFIG = (
    '<View><Text name="text" value="$text"/><HyperText name="page" value="$page"/>'
    '<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>'
    '<Labels name="who" toName="text"><Label value="PER"/><Label value="DOC"/></Labels>'
    '<HyperTextLabels name="what" toName="page"><Label value="DOC"/></HyperTextLabels></View>'
)
PROJECT = "5.1795289147"
TEXT = "😀 An invoice from Ann Lee: two invoices, says Ann Lee, and an invoice"


class Desk:
    """Whose model says `good`, and PER of the first four characters."""

    def __init__(self):
        self.asked = []
        self.implies = {}
        self.hidden = set()

    def version(self, tool, reference):
        if reference != PROJECT:
            raise UnknownProject(reference)
        return "g3"

    def questions(self, tool, reference):
        self.version(tool, reference)
        return read(CONFIG).questions

    def suggest(self, tool, reference, examples):
        said = {
            "mood": Prediction(answer="good", score=0.9),
            "who": Prediction(answer=[{"start": 0, "end": 4, "label": "PER"}], score=0.6, item_scores=(0.6,)),
        }
        return [Suggestion(example=example, version="g3", predictions=said) for example in examples]

    def blind(self, tool, reference, example):
        self.version(tool, reference)
        return example.key in self.hidden

    def implied(self, tool, reference, example, given):
        self.asked.append(dict(given))
        return Suggestion(example=example, version="g3", predictions=self.implies)

    def hint(self, tool, reference, keys=()):
        pass


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def web(desk):
    app = Flask(__name__)
    app.json = StrictJSON(app)  # as the service reads bodies
    app.register_blueprint(LabelStudio.routes(desk))

    @app.errorhandler(LabelwheelError)
    def explain(error):
        return jsonify({"error": str(error)}), error.status

    return app.test_client()


def region(word, label="DOC", nth=0, name="who", text=TEXT, **more):
    """As Label Studio's page sends it."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(word, start + 1)
    value = {"start": start, "end": start + len(word), "text": word, "labels": [label]}
    return {
        "id": f"{label}{start}", "from_name": name, "to_name": "text", "type": "labels", "origin": "manual",
        "value": value, **more,
    }  # fmt: skip


def body(regions, data=None, **more):
    task = {
        "id": 7, "data": {"text": TEXT} if data is None else data, "project": 5, "annotations": [], "predictions": [],
        "drafts": [], **more,
    }  # fmt: skip
    context = {"result": regions}
    return {
        "tasks": [task], "project": PROJECT, "label_config": CONFIG,
        "params": {"login": "", "password": "", "context": context},
    }  # fmt: skip


def added(web, regions, *, whole=False, **more):
    asked = body(regions, **more)
    if whole:
        asked["params"]["context"]["whole"] = True
    answer = web.post("/predict", json=asked)
    assert answer.status_code == 200
    (one,) = answer.get_json()["results"]
    assert one["model_version"] == "g3"
    return one["result"]


def words(regions):
    for each in regions:
        value = each["value"]
        if "labels" in value:
            assert TEXT[value["start"] : value["end"]] == value["text"]
    return [each["value"].get("text") for each in regions]


def test_a_drawn_span_is_answered_with_the_same_words_elsewhere(web):
    found = added(web, [region("invoice")])
    assert words(found) == ["invoices", "invoice"]
    for each in found:
        assert (each["from_name"], each["to_name"], each["type"], each["value"]["labels"]) == (
            "who", "text", "labels", ["DOC"],
        )  # fmt: skip
        assert "origin" not in each
    assert len({each["id"] for each in found}) == 2


def test_what_was_answered_once_is_not_answered_again(web):
    """Else a suggestion that somebody takes away would come back with each click."""
    drawn = region("invoice")
    first, second = added(web, [drawn])
    assert added(web, [drawn, first]) == []  # the second was deleted
    assert added(web, [drawn]) == []
    assert added(web, []) == []
    newer = region("Ann Lee", "DOC")
    assert words(added(web, [drawn, newer, first, second])) == ["Ann Lee"]
    moved = region("invoice", nth=2, id=drawn["id"])
    assert words(added(web, [moved])) == ["invoice", "invoices"]
    relabelled = region("invoice", "PER", id=drawn["id"])
    assert words(added(web, [relabelled])) == ["invoices", "invoice"]


def test_what_the_model_suggested_is_nobodys_mark(web):
    assert added(web, [region("invoice", origin="prediction")]) == []
    assert words(added(web, [region("invoice", origin="prediction-changed")])) == ["invoices", "invoice"]


def test_nothing_overlaps_what_stands_in_the_draft(web):
    drawn, taken = region("invoice"), region("invoices", "PER")
    saved = [{"id": 1, "result": [drawn, taken]}]
    assert words(added(web, [drawn], drafts=saved)) == ["invoice"]
    shown = [{"id": 3, "model_version": "g3", "result": [region("an invoice", "PER", origin="prediction")]}]
    assert words(added(web, [region("invoice", id="x")], predictions=shown)) == ["invoices"]
    # where something is saved, it says what is left of the suggestion
    assert words(added(web, [region("invoice", id="y")], predictions=shown, drafts=saved)) == ["invoice"]


def test_hypertext_is_marked_in_label_studios_own_places(web):
    page = "<p>An invoice</p><ul><li>😀 one invoice</li><li>two</li></ul>"
    value = {
        "start": "/p[1]/text()[1]", "startOffset": 3, "end": "/p[1]/text()[1]", "endOffset": 10,
        "globalOffsets": {"start": 3, "end": 10}, "text": "invoice", "hypertextlabels": ["DOC"],
    }  # fmt: skip
    drawn = {
        "id": "h", "from_name": "what", "to_name": "page", "type": "hypertextlabels", "origin": "manual", "value": value
    }  # fmt: skip
    (found,) = added(web, [drawn], data={"text": TEXT, "page": page})
    assert found["type"] == "hypertextlabels"
    assert found["value"]["text"] == "invoice"
    assert found["value"]["globalOffsets"] == {"start": 16, "end": 23}
    assert (found["value"]["start"], found["value"]["startOffset"]) == ("/ul[1]/li[1]/text()[1]", 7)


def test_a_page_that_tells_of_spans_alone_is_not_told_about_other_questions(web, desk):
    """It would put them in the place of what somebody has just chosen."""
    desk.implies = {"mood": Prediction(answer="bad", score=0.9)}
    assert {each["from_name"] for each in added(web, [region("invoice")])} == {"who"}
    assert desk.asked == []


def test_a_whole_draft_is_told_what_it_implies(web, desk):
    desk.implies = {"mood": Prediction(answer="bad", score=0.9)}
    found = added(web, [region("Ann Lee", "PER")], whole=True)
    assert [each["from_name"] for each in found] == ["who", "mood"]
    assert found[1]["value"] == {"choices": ["bad"]}
    assert desk.asked == [{"who": [{"start": 18, "end": 25, "label": "PER"}]}]


def test_what_was_chosen_is_neither_repeated_nor_contradicted(web, desk):
    desk.implies = {"mood": Prediction(answer="bad", score=0.9), "who": Prediction(answer=[], score=0.9)}
    chosen = {
        "id": "c", "from_name": "mood", "to_name": "text", "type": "choices", "origin": "manual",
        "value": {"choices": ["good"]},
    }  # fmt: skip
    assert added(web, [chosen]) == []
    assert desk.asked == [{"mood": "good"}]
    broken = {**chosen, "value": {"choices": ["of another config"]}}
    assert added(web, [broken]) == []
    saved = [{"id": 1, "result": [chosen]}]
    assert [each["from_name"] for each in added(web, [region("Ann Lee", "PER")], drafts=saved, whole=True)] == ["who"]


@pytest.mark.parametrize(
    "context", [None, {}, {"result": None}, {"result": {}}, {"result": "x"}, [], "x", 7, {"project_credentials": "x"}]
)
def test_a_context_that_makes_no_sense_is_none(web, context):
    asked = body([])
    asked["params"]["context"] = context
    (one,) = web.post("/predict", json=asked).get_json()["results"]
    assert [each["from_name"] for each in one["result"]] == ["mood", "who"]


@pytest.mark.parametrize("params", [None, [], "x", 7])
def test_params_that_make_no_sense_are_none(web, params):
    answer = web.post("/predict", json={**body([]), "params": params})
    assert len(answer.get_json()["results"][0]["result"]) == 2


def test_several_tasks_are_asked_about_as_ever(web):
    asked = body([region("invoice")])
    asked["tasks"] = asked["tasks"] * 2
    assert [len(one["result"]) for one in web.post("/predict", json=asked).get_json()["results"]] == [2, 2]


def test_another_project_stays_unknown(web):
    assert web.post("/predict", json={**body([region("invoice")]), "project": "9.1"}).status_code == 404


DEEP = json.loads("[" * 500 + "]" * 500)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 200), st.floats(), st.text(max_size=6), st.just(10**400), st.just(DEEP),
    st.just([]), st.just({}), st.just(["DOC"]), st.just({"start": 3, "end": 10}), st.just("\ud800"),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutations_of_what_was_recorded_are_survived(web, data):
    page = {"text": TEXT, "page": "<b>invoice</b> &amp; <i>invoice</i>"}
    regions = [region("invoice"), region("Ann Lee", "PER", origin="prediction")]
    asked = body(regions, data=page, drafts=[{"result": [region("An")]}])
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(_places(asked))
        path = data.draw(st.sampled_from(places))
        _put(asked, path, data.draw(ODD))
    answer = web.post("/predict", data=json.dumps(asked), content_type="application/json")
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert len(answer.get_json()["results"]) == len(asked["tasks"])


def test_a_huge_draft_is_answered(web):
    regions = [region("invoice", id=str(number)) for number in range(20_000)]
    page = {"text": TEXT, "page": "<p>invoice</p>" * 2000}
    assert words(added(web, regions, data=page, whole=True)) == ["invoices", "invoice"]


def test_the_memory_is_bounded():
    memory = Memory(most=3)
    assert [memory.new(each) for each in "abca"] == [True, True, True, False]
    assert [memory.new(each) for each in "db"] == [True, True]
    assert [memory.new(each) for each in "\ud800\ud800"] == [True, False]


def _places(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        if len(path) < 9:
            yield from _places(each, (*path, key))


def _put(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = copy.deepcopy(new)


def test_a_blind_task_gets_nothing_beside_what_a_person_has_done(web, desk):
    assert added(web, [region("Ann Lee")]) != []
    desk.hidden.add("7")
    assert added(web, [region("Ann Lee", "PER")]) == []
    assert added(web, [region("Ann Lee", "PER")], whole=True) == []
    assert desk.asked == []
