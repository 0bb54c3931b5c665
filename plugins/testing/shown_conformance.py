"""The part of the conformance suite about what people are shown: suggestions, their order, what carried them."""

from __future__ import annotations

import uuid

from labelwheel.plugins.capabilities import Adds, Bundles, Doubts, Explains, Foresees, Given, Links, Ranks
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.reasons import Reason, Word
from labelwheel.plugins.testing.stage import Doubted, Ordered, Stage
from labelwheel.plugins.testing.steps import NEW, NEWER, POLITICS, SPORT, fill, read, skip, suggestion, texts
from labelwheel.training.questions import Prediction


class ShownConformance:
    """What every connector has to keep when it shows something; part of `conformance.Conformance`."""

    def test_suggestions_are_shown_once_and_pushing_again_changes_nothing(self, stage: Stage) -> None:
        examples = [stage.add(text) for text in texts(6)]
        stage.answer(examples[0], SPORT)
        connector, (question,) = stage.connector(), stage.connector().config().questions
        assert not isinstance(connector, Bundles) or connector.at_once() >= 1
        assert fill(connector, question, NEW, SPORT) == set(examples[1:])
        assert [stage.shown(key) for key in examples[1:]] == [SPORT] * 5
        assert fill(connector, question, NEW, SPORT) == set(), "what was pushed does not wait for that version any more"
        again = [suggestion(page_example, question, NEW, SPORT) for page_example in read(stage).examples.values()]
        assert 0 <= connector.push(again, [question]) <= len(again)
        assert [stage.shown(key) for key in examples[1:]] == [SPORT] * 5
        assert fill(connector, question, NEWER, POLITICS) == set(examples[1:])
        while connector.retire([NEW]) is False:
            pass
        assert [stage.shown(key) for key in examples[1:]] == [POLITICS] * 5
        assert len(read(stage).work) == 1, "no suggestion is anybody's work"

    def test_a_suggestion_that_cannot_be_shown_costs_no_other(self, stage: Stage) -> None:
        examples = [stage.add(text) for text in texts(4)]
        connector, (question,) = stage.connector(), stage.connector().config().questions
        known = read(stage).examples
        stage.remove(examples[1])
        said = [suggestion(known[key], question, NEW, SPORT) for key in examples]
        said[2] = suggestion(known[examples[2]], question, NEW, "no option of this question")
        connector.push(said, [question])
        assert (stage.shown(examples[0]), stage.shown(examples[3])) == (SPORT, SPORT)
        assert stage.shown(examples[2]) in (None, "")
        assert connector.push([], [question]) == 0

    def test_a_blind_example_is_bare(self, stage: Stage) -> None:
        keys = [stage.add(text) for text in texts(3)]
        connector, (question,) = stage.connector(), stage.connector().config().questions
        known, nothing = read(stage).examples, {question.name: Prediction()}
        said = [suggestion(known[key], question, NEW, SPORT) for key in keys]
        blind = [Suggestion(example=known[key], version=NEW, predictions=nothing, blind=True) for key in keys]
        connector.push([said[0], blind[1]], [question])
        assert [stage.shown(key) for key in keys] == [SPORT, None, None]
        connector.push([said[1], said[2]], [question])
        connector.push([blind[2]], [question])
        assert [stage.shown(key) for key in keys] == [SPORT, SPORT, None], "what was shown of ours is taken away"
        assert connector.shows(blind[2]) == {}

    def test_what_is_shown_can_be_answered(self, stage: Stage) -> None:
        stage.add("a text")
        connector, (question,) = stage.connector(), stage.connector().config().questions
        (example,) = read(stage).examples.values()
        assert connector.shows(suggestion(example, question, NEW, SPORT)) == {question.name: SPORT}
        nothing = Suggestion(example=example, version=NEW, predictions={question.name: Prediction()})
        assert connector.shows(nothing) == {}

    def test_an_order_is_shown_in_place_of_the_one_before(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Ranks):
            skip("this connector shows no order")
        examples = [stage.add(text) for text in texts(5)]
        stage.answer(examples[4], SPORT)
        (question,) = connector.config().questions
        fill(connector, question, NEW, SPORT)
        found = {one.key: one for one in connector.candidates()}
        assert found.keys() == set(examples[:4])
        assert all(0 <= one.score <= 1 and one.text for one in found.values())
        for order in ([examples[2], examples[0], examples[1]], [examples[1], examples[3]], []):
            connector.rank(order)
            assert not isinstance(stage, Ordered) or stage.order() == order

    def test_doubtful_labels_are_shown_in_place_of_those_before(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Doubts):
            skip("this connector shows no doubtful labels")
        *examples, gone = [stage.add(text) for text in texts(4)]
        stage.remove(gone)
        for doubtful in ([examples[2], examples[0]], [examples[1], gone], []):
            connector.doubt(doubtful)
            assert not isinstance(stage, Doubted) or {*stage.doubted()} == {*doubtful} - {gone}

    def test_what_was_answered_elsewhere_comes_as_a_label_once(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Adds):
            skip("nothing can be added by this connector")
        (question,) = connector.config().questions
        text, name = texts(1)[0], uuid.uuid4().hex
        given = Given(name=name, fields={question.inputs[0]: text}, answers={question.name: SPORT})
        connector.add(given)
        connector.add(given)
        again = stage.connector()
        assert isinstance(again, Adds)
        again.add(given)
        copy = read(stage)
        assert [one.fields[question.inputs[0]] for one in copy.examples.values()] == [text]
        assert [work.answers for work in copy.work.values()] == [{question.name: SPORT}]

    def test_an_example_has_an_address_for_people(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Links):
            skip("this connector does not say where people see an example")
        asked = [
            (stage.add(text), {"text": text}, labelled) for text, labelled in zip(texts(2), (True, False), strict=True)
        ]
        found, again = [connector.link(*one) for one in asked], stage.connector()
        assert isinstance(again, Links)
        assert found == [again.link(*one) for one in asked], "it does not hang on what was done before"
        assert all(each is None or each.startswith(("http://", "https://")) for each in found)

    def test_what_people_see_next_is_foreseen(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Foresees):
            skip("this connector does not say what people see next")
        examples = [stage.add(text) for text in texts(5)]
        stage.answer(examples[4], SPORT)
        (question,) = connector.config().questions
        fill(connector, question, NEW, SPORT)
        assert {one.key for one in connector.upcoming(10)} == set(examples[:4])
        assert len(connector.upcoming(2)) == 2
        if isinstance(connector, Ranks) and isinstance(stage, Ordered):
            connector.rank([examples[2], examples[0], examples[1]])
            assert [one.key for one in connector.upcoming(3)] == [examples[2], examples[0], examples[1]]
        # what a revision says of them takes the place of what its generation said
        shown = [
            Suggestion(
                example=one, version=f"{NEW}.1", predictions={question.name: Prediction(answer=POLITICS, score=0.7)}
            )
            for one in connector.upcoming(2)
        ]
        assert connector.push(shown, (question,)) == 2

    def test_reasons_stand_beside_a_suggestion_and_are_nobodys_work(self, stage: Stage) -> None:
        connector = stage.connector()
        if not isinstance(connector, Explains):
            skip("this connector does not show which words carried a suggestion")
        keys = [stage.add(text) for text in texts(3)]
        (question,) = connector.config().questions
        fill(connector, question, NEW, SPORT)
        known = read(stage).examples
        word = Word(field=question.inputs[0], start=0, end=4, text="text")
        reasons = {question.name: (Reason(item=SPORT, words=(word,)),)}
        for key in (keys[0], keys[0], keys[1]):
            connector.explain(suggestion(known[key], question, NEW, SPORT).model_copy(update={"reasons": reasons}))
        stage.remove(keys[2])
        connector.explain(suggestion(known[keys[2]], question, NEW, SPORT).model_copy(update={"reasons": reasons}))
        assert [stage.shown(key) for key in keys[:2]] == [SPORT, SPORT]
        assert read(stage).work == {}
        work = stage.answer(keys[0], POLITICS)
        assert read(stage).answers == {work: (keys[0], POLITICS)}
