"""What every connector has to keep, as tests that any connector runs, against its tool in memory or the real one.

    class TestMyTool(Conformance):
        @pytest.fixture
        def stage(self) -> Stage: ...

Each test gets a stage of its own (see labelwheel.plugins.testing.stage). What a connector or a stage is not capable of
is skipped. pytest itself is imported by what skips alone, so that the package needs none where nobody tests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from labelwheel.plugins.capabilities import Fetches
from labelwheel.plugins.connector import Page
from labelwheel.plugins.testing.ledger_copy import LedgerCopy
from labelwheel.plugins.testing.shown_conformance import ShownConformance
from labelwheel.plugins.testing.stage import ANSWERS, Breakable, Described, Stage
from labelwheel.plugins.testing.steps import POLITICS, SPORT, poll, read, skip, texts

FORGED = ("", "nobody's", "999999999", "-1", "\N{SNOWMAN}", "../projects", "9" * 255)
"""Keys that no example has."""


class Conformance(ShownConformance):
    """The suite. A subclass named Test… has a fixture `stage`."""

    def test_the_configuration_says_what_is_asked(self, stage: Stage) -> None:
        config = stage.connector().config()
        (question,) = config.questions
        assert set(question.values) == set(ANSWERS)
        assert config.reference
        assert config.unlearnt == ()
        assert stage.connector().config() == config

    def test_what_connect_asks_for_names_a_place(self, stage: Stage) -> None:
        connector = type(stage.connector())
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", connector.tool)
        given = {argument.name: "7" for argument in connector.arguments if argument.required}
        assert connector.place(given) == connector.place(given) != ""

    def test_a_poll_finds_every_change(self, stage: Stage) -> None:
        copy, examples = self.begun(stage)
        works = [stage.answer(key, SPORT) for key in examples[:4]]
        poll(stage, copy)
        assert copy.answers == {work: (key, SPORT) for work, key in zip(works, examples, strict=False)}
        stage.answer(examples[0], POLITICS, works[0])
        late = stage.add("a late text about elections")
        poll(stage, copy)
        assert copy.answers == {
            works[0]: (examples[0], POLITICS),
            **{work: (key, SPORT) for work, key in zip(works[1:], examples[1:], strict=False)},
        }
        assert copy.examples.keys() == {*examples, late}

    def test_work_that_is_withdrawn_is_found_by_a_poll_or_else_by_a_sweep(self, stage: Stage) -> None:
        copy, examples = self.begun(stage)
        works = [stage.answer(key, SPORT) for key in examples[:3]]
        poll(stage, copy)
        stage.withdraw(works[1])
        poll(stage, copy)
        copy.all(stage.connector().sweep(None))
        assert copy.answers.keys() == {works[0], works[2]}

    def test_a_cursor_is_where_to_go_on_for_a_connector_that_is_made_anew(self, stage: Stage) -> None:
        copy, examples = self.begun(stage)
        assert copy.cursor is not None
        work = stage.answer(examples[6], POLITICS)
        for _ in range(3):
            poll(stage, copy)
            assert copy.answers == {work: (examples[6], POLITICS)}
            assert copy.examples.keys() == set(examples)

    def test_pages_that_come_twice_or_are_broken_off_change_nothing(self, stage: Stage) -> None:
        copy, examples = self.begun(stage)
        work = stage.answer(examples[2], SPORT)
        before = copy.cursor
        copy.all(itertools.islice(stage.connector().poll(before), 1))
        copy.all(stage.connector().poll(before))
        copy.all(stage.connector().poll(None))
        assert copy.answers == {work: (examples[2], SPORT)}
        assert copy.examples.keys() == set(examples)

    def test_a_sweep_is_the_whole_project_and_goes_on_at_its_cursor(self, stage: Stage) -> None:
        examples = [stage.add(text) for text in texts(7)]
        work = stage.answer(examples[5], SPORT)
        connector = stage.connector()
        copy = LedgerCopy(connector.config().questions).all(connector.sweep(None))
        assert copy.examples.keys() == set(examples)
        assert copy.answers == {work: (examples[5], SPORT)}
        copy = LedgerCopy(connector.config().questions).all(itertools.islice(connector.sweep(None), 1))
        copy.all(stage.connector().sweep(copy.cursor))
        assert copy.examples.keys() == set(examples)

    def test_a_sweep_does_not_show_what_was_deleted(self, stage: Stage) -> None:
        copy, examples = self.begun(stage)
        stage.answer(examples[1], SPORT)
        stage.remove(examples[1])
        connector = stage.connector()
        swept = LedgerCopy(connector.config().questions).all(connector.sweep(None))
        assert swept.examples.keys() == {*examples} - {examples[1]}
        assert swept.answers == {}
        poll(stage, copy)
        assert copy.answers == {}, "no poll brings work on what was deleted"

    def test_texts_arrive_as_people_see_them(self, stage: Stage) -> None:
        text = "Wien \N{SMILING FACE WITH SUNGLASSES} e\u0301 <b>5 > 4</b> & more"
        key = stage.add(text)
        connector = stage.connector()
        copy = LedgerCopy(connector.config().questions).all(connector.poll(None))
        (question,) = copy.questions.values()
        assert question.text(copy.examples[key]) == text

    def test_what_the_tool_has_beside_the_text_comes_along(self, stage: Stage) -> None:
        key = stage.add("a text")
        if not isinstance(stage, Described):
            skip("this stage's tool has texts alone")
        stage.describe(key, {"source": "web", "stars": 4, "story": "long " * 99})
        assert read(stage).examples[key].columns == {"source": "web", "stars": "4"}

    def test_what_the_tool_fails_to_show_is_set_aside_and_costs_no_other(self, stage: Stage) -> None:
        if not isinstance(stage, Breakable):
            skip("nothing makes this stage's tool fail over one example")
        examples = [stage.add(text) for text in texts(7)]
        stage.spoil(examples[3], True)
        for walk in ("poll", "sweep"):
            connector = stage.connector()
            copy = LedgerCopy(connector.config().questions).all(getattr(connector, walk)(None))
            assert copy.examples.keys() == {*examples} - {examples[3]}
            # a poll that cannot even list it may leave it to the sweep
            assert copy.aside == {examples[3]} or (walk == "poll" and not copy.aside)
        stage.spoil(examples[3], False)
        copy.all(stage.connector().sweep(None))
        assert copy.examples.keys() == set(examples)
        assert copy.aside == set()

    def test_some_examples_are_fetched_as_they_are_now(self, stage: Stage) -> None:
        if not isinstance(stage.connector(), Fetches):
            skip("this connector fetches nothing")
        copy, examples = self.begun(stage)
        works = [stage.answer(key, SPORT) for key in examples[:3]]
        cursor = copy.cursor
        copy.take(self.fetched(stage, examples[0], *FORGED, examples[1], examples[0]))
        assert copy.answers == {works[0]: (examples[0], SPORT), works[1]: (examples[1], SPORT)}
        stage.withdraw(works[0])
        page = self.fetched(stage, examples[0])
        copy.take(page)
        assert (page.refreshed, copy.answers) == ((examples[0],), {works[1]: (examples[1], SPORT)})
        assert copy.examples.keys() == set(examples)
        assert self.fetched(stage, *FORGED).examples == ()
        copy.all(stage.connector().poll(cursor))
        assert copy.answers.keys() == {works[1], works[2]}, "a poll finds everything anyway"

    def test_what_is_deleted_is_never_fetched(self, stage: Stage) -> None:
        if not isinstance(stage.connector(), Fetches):
            skip("this connector fetches nothing")
        _, examples = self.begun(stage)
        stage.remove(examples[1])
        page = self.fetched(stage, *examples)
        assert set(page.refreshed) == {*examples} - {examples[1]}
        assert set(page.gone) <= {examples[1]}

    def fetched(self, stage: Stage, *keys: str) -> Page:
        connector = stage.connector()
        assert isinstance(connector, Fetches)
        page = connector.fetch(keys)
        assert not set(FORGED) & {*page.refreshed, *(example.key for example in page.examples)}
        return page

    def begun(self, stage: Stage) -> tuple[LedgerCopy, Sequence[str]]:
        """Seven examples, and what a first poll makes of them."""
        examples = [stage.add(text) for text in texts(7)]
        copy = read(stage)
        assert copy.examples.keys() == set(examples)
        return copy, examples
