import gc
import threading
import time
from pathlib import Path

import pytest

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.budget import Budget
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.hint_writer import HintWriter
from labelwheel.backend.serving.models import ServedModels, Wanted
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.questions import Kind, Option
from tests.backend.serving.fakes import FakeEngine, example, question, write_checkpoint


class World:
    """The served models over a table that the test changes, as the worker would."""

    def __init__(self, folder: Path, engine: FakeEngine | None = None, budget: int | None = None) -> None:
        self.folder, self.engine = folder, engine or FakeEngine()
        self.queue = InferenceQueue(self.engine)
        self.wanted: dict[int, Wanted] = {}
        self.served_models = ServedModels(self.engine, self.queue, lambda: dict(self.wanted), Budget(budget))
        self.predictor = Predictor(self.queue, AnswerCache())
        self.hints = HintWriter(lambda keys: None)
        self.blind: set[str] = set()
        self.host = ServingHost(
            self.served_models, self.predictor, self.hints, lambda tool, ref: [], wait_seconds=0.1,
            blind=lambda project, examples: frozenset(each.key for each in examples) & self.blind,
        )  # fmt: skip

    def want(self, generation: str, project: int = 1, reference: str | None = "p1", **versions: str) -> None:
        members = {name: (version, self.folder / version) for name, version in versions.items()}
        for version in versions.values():
            if not (self.folder / version).exists():
                write_checkpoint(self.folder / version, version)
        questions = {name: question(name) for name in versions}
        self.wanted[project] = Wanted(project, "tool", reference, generation, questions, members)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.queue.close()


def test_nothing_is_known_before_the_first_look(world):
    with pytest.raises(Overloaded):
        world.host.version("tool", "p1")
    world.served_models.follow()
    with pytest.raises(UnknownProject):
        world.host.version("tool", "p1")


def test_a_generation_is_loaded_and_answers_for_all_its_questions(world):
    world.want("g1", mood="v1", tone="v2")
    assert world.served_models.follow()
    [suggestion] = world.host.suggest("tool", "p1", [example()])
    assert suggestion.version == world.host.version("tool", "p1") == "g1"
    assert {name: each.score for name, each in suggestion.predictions.items()} == {"mood": 0.0001, "tone": 0.0002}
    assert world.served_models.serving == {"1": "g1"}
    assert not world.served_models.follow()


def test_a_question_without_a_checkpoint_is_suggested_nothing(world):
    world.want("g1", mood="v1")
    asked = {**world.wanted[1].questions, "tone": question("tone")}
    world.wanted[1] = Wanted(1, "tool", "p1", "g1", asked, world.wanted[1].members)
    world.served_models.follow()
    [suggestion] = world.host.suggest("tool", "p1", [example()])
    assert suggestion.predictions["tone"].answer is None
    assert [each.name for each in world.host.questions("tool", "p1")] == ["mood", "tone"]


def test_what_stays_is_not_loaded_again(world):
    world.want("g1", mood="v1", tone="v2")
    world.served_models.follow()
    world.want("g2", mood="v1", tone="v3")
    world.want("h1", project=2, reference="p2", mood="v1")
    world.served_models.follow()
    assert world.engine.loads == ["v1", "v2", "v3"]


def test_an_old_model_is_freed_when_the_last_request_lets_go(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    taken = world.served_models.served("tool", "p1")
    world.want("g2", mood="v2")
    world.served_models.follow()
    assert world.engine.alive == 2
    assert world.host.suggest_with(taken, [example("late")])[0].version == "g1"
    del taken
    gc.collect()
    assert world.engine.alive == 1
    world.served_models.follow()
    assert world.engine.forgotten == 1


def test_the_champion_stays_where_its_successor_cannot_be_loaded(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.engine.broken.add("v2")
    world.want("g2", mood="v2")
    for _ in range(5):
        assert not world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"
    assert world.served_models.serving == {"1": "g1"}
    problem = world.served_models.problems["1"]
    assert (problem["generation"], problem["question"], problem["checkpoint"]) == ("g2", "mood", "v2")
    assert problem["message"] == "CUDA out of memory and a second line"
    assert world.engine.loads == ["v1", "v2"], "a failing checkpoint must not be tried in a tight loop"
    world.want("g3", mood="v1")
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g3"
    assert world.served_models.problems == {}


def test_a_failed_load_is_tried_again_later(world, monkeypatch):
    monkeypatch.setattr("labelwheel.backend.serving.loaded_models.FIRST_RETRY", 0.05)
    world.engine.broken.add("v1")
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.engine.broken.clear()
    time.sleep(0.06)
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"


@pytest.mark.parametrize("damage", ["changed", "missing", "gone", "other version"])
def test_a_damaged_checkpoint_is_never_served(world, damage):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.want("g2", mood="v2")
    folder = world.folder / "v2"
    if damage == "changed":
        (folder / "model.safetensors").write_text("changed")
    elif damage == "missing":
        (folder / "model.safetensors").unlink()
    elif damage == "gone":
        world.wanted[1] = Wanted(1, "tool", "p1", "g2", {"mood": question()}, {"mood": ("v2", world.folder / "no")})
    else:
        world.wanted[1] = Wanted(1, "tool", "p1", "g2", {"mood": question()}, {"mood": ("v2", world.folder / "v1")})
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"
    assert world.served_models.problems["1"]["checkpoint"] == "v2"


@pytest.mark.parametrize("answer", ["a label that nobody knows", ["good"], 7])
def test_a_model_whose_probe_makes_no_sense_is_never_served(world, answer):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.engine.answer = answer
    world.want("g2", mood="v2")
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"


def test_after_a_cold_start_the_questions_that_can_be_are_served(world):
    world.engine.broken.add("v2")
    world.want("g1", mood="v1", tone="v2")
    world.served_models.follow()
    [suggestion] = world.host.suggest("tool", "p1", [example()])
    assert suggestion.predictions["mood"].answer == "good"
    assert suggestion.predictions["tone"].answer is None
    assert world.served_models.serving == {}, "half a generation is not reported as served"
    assert world.served_models.problems["1"]["question"] == "tone"
    world.want("g2", mood="v1", tone="v3")
    world.served_models.follow()
    assert world.served_models.serving == {"1": "g2"}


def test_one_projects_trouble_is_not_anothers(world):
    world.engine.broken.add("v1")
    world.want("g1", mood="v1")
    world.want("h1", project=2, reference="p2", mood="v2")
    world.served_models.follow()
    assert world.host.version("tool", "p2") == "h1"
    with pytest.raises(Overloaded):
        world.host.version("tool", "p1")


def test_a_disconnected_project_is_unknown_at_once(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.wanted.clear()
    world.served_models.follow()
    with pytest.raises(UnknownProject):
        world.host.version("tool", "p1")
    assert world.engine.alive == 0


def test_a_changed_question_is_served_by_the_same_model(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    more = question(options=(Option(value="good"), Option(value="new")))
    world.wanted[1] = Wanted(1, "tool", "p1", "g1", {"mood": more}, world.wanted[1].members)
    world.served_models.follow()
    assert world.host.questions("tool", "p1") == (more,)
    assert world.engine.loads == ["v1"]
    other = question(kind=Kind.SPANS, options=(Option(value="new"),))
    world.wanted[1] = Wanted(1, "tool", "p1", "g2", {"mood": other}, world.wanted[1].members)
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"


def test_trouble_with_the_database_leaves_what_is_served(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.served_models._source = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"


def test_200_swaps_under_load_fail_nobody_and_mix_nothing(tmp_path):
    """Every question of generation g<n> is answered by v<n>: a score of another number would be a mixture."""
    world = World(tmp_path, FakeEngine(seconds=0.0002))
    world.want("g1", mood="v1", tone="v1001")
    world.served_models.follow()
    stop, errors, answered = threading.Event(), [], []

    def ask(number: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            announced = int(world.host.version("tool", "p1")[1:])
            examples = [example(f"{number} {turn} {place}") for place in range(1 if number % 2 else 40)]
            try:
                suggestions = world.host.suggest("tool", "p1", examples)
            except Exception as error:
                errors.append(error)
                return
            versions = {int(each.version[1:]) for each in suggestions}
            scores = {
                (round(each.predictions["mood"].score * 10_000), round(each.predictions["tone"].score * 10_000) - 1000)
                for each in suggestions
            }
            [version] = versions
            if scores != {(version, version)} or version < announced or len(suggestions) != len(examples):
                errors.append((announced, versions, scores))
                return
            answered.append(version)

    world.engine.answer = "good"
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for number in range(2, 202):
        world.want(f"g{number}", mood=f"v{number}", tone=f"v{1000 + number}")
        assert world.served_models.follow()
    stop.set()
    for thread in threads:
        thread.join(20)
    world.queue.close()
    assert not errors
    assert len(set(answered)) > 20
    assert len(answered) > 200
    gc.collect()
    assert world.engine.alive == 2


def test_where_a_project_was_connected_twice_the_later_one_answers(world):
    world.want("h1", project=2, mood="v2")
    world.want("g1", project=1, mood="v1")
    world.served_models.follow()
    world.want("g2", project=1, mood="v3")
    world.served_models.follow()
    assert world.host.version("tool", "p1") == "h1"
    assert world.served_models.served_by_id(1).generation == "g2"


@pytest.fixture
def crowded(tmp_path):
    """Room for two of three projects, one model each."""
    world = World(tmp_path, budget=2000)
    for number in (1, 2, 3):
        world.want(f"g{number}", project=number, reference=f"p{number}", mood=f"v{number}")
    world.served_models.follow()
    world.served_models.on_call = lambda: threading.Thread(target=world.served_models.follow).start()
    yield world
    world.queue.close()


def ask(world, project, text="hello"):
    [suggestion] = world.host.suggest("tool", f"p{project}", [example(text)])
    return suggestion.version, suggestion.predictions["mood"].score


def test_beyond_the_budget_models_are_unloaded_but_stay_announced(crowded):
    assert len(crowded.served_models.unloaded) == 1
    assert crowded.engine.alive == 2
    assert crowded.served_models.serving == {"1": "g1", "2": "g2", "3": "g3"}
    assert crowded.host.version("tool", "p1") == "g1"
    told = {
        "mb": 0,
        "budget_mb": 0,
        "unloaded": crowded.served_models.unloaded,
        "engines": [{"arithmetic": "fake"}] * 2,
    }
    assert crowded.served_models.models == told
    assert not crowded.served_models.follow(), "what is unloaded is not loaded without being asked for"


def test_an_unloaded_project_is_loaded_when_it_is_asked_and_the_longest_idle_one_goes(crowded):
    for number in (1, 2, 3):
        assert ask(crowded, number) == (f"g{number}", number / 10_000)
    crowded.served_models.follow()
    assert crowded.served_models.unloaded == [1]
    assert ask(crowded, 1, "again") == ("g1", 0.0001)
    assert crowded.served_models.unloaded == [2]
    gc.collect()
    assert crowded.engine.alive == 2


def test_a_new_generation_of_an_unloaded_project_is_proven_all_the_same(crowded):
    [asleep] = crowded.served_models.unloaded
    crowded.want("g9", project=asleep, reference=f"p{asleep}", mood="v9")
    crowded.served_models.follow()
    assert crowded.served_models.serving[str(asleep)] == "g9"
    assert "v9" in crowded.engine.loads


def test_what_cannot_be_loaded_again_says_so(crowded):
    [asleep] = crowded.served_models.unloaded
    crowded.engine.broken.add(f"v{asleep}")
    gc.collect()
    with pytest.raises(Overloaded, match="cannot be loaded"):
        ask(crowded, asleep)
    assert crowded.served_models.problems[str(asleep)]["checkpoint"] == f"v{asleep}"


def test_one_project_alone_may_exceed_the_budget(tmp_path):
    world = World(tmp_path, budget=1)
    world.want("g1", mood="v1", tone="v2")
    world.served_models.follow()
    assert world.served_models.unloaded == []
    assert ask(world, 1) == ("g1", 0.0001)
    world.queue.close()


def test_projects_that_share_an_encoder_count_it_once(tmp_path):
    world = World(tmp_path, budget=1000)
    for number in (1, 2):
        world.want(f"g{number}", project=number, reference=f"p{number}", mood="v1")
    world.served_models.follow()
    assert world.served_models.unloaded == []
    world.queue.close()


@pytest.mark.parametrize("place", ["_swap", "_drop"])
def test_whoever_waits_is_answered_whatever_goes_wrong(crowded, monkeypatch, place):
    """Those who wait for a project that raises, and those who wait for any other one, in one look."""
    crowded.served_models.budget.most, second = 1000, []
    crowded.served_models.follow()
    asleep = [crowded.served_models.served_by_id(number) for number in crowded.served_models.unloaded]
    assert len(asleep) == 2
    real = getattr(crowded.served_models, place)

    def breaks(*given):
        if place == "_drop" or given[0].project == asleep[0].project:
            raise OverflowError("int too large to convert to float")
        return real(*given)

    monkeypatch.setattr(crowded.served_models, place, breaks)
    called = threading.Barrier(len(asleep) + 1)
    crowded.served_models.on_call = called.wait

    def wait(served):
        try:
            second.append(crowded.served_models.awake(served, 30).project)
        except Overloaded as error:
            second.append(str(error))

    threads = [threading.Thread(target=wait, args=(served,)) for served in asleep]
    for thread in threads:
        thread.start()
    called.wait()
    try:
        crowded.served_models.follow()
    except OverflowError:
        assert place == "_drop"
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)
    told = f"the model of project {asleep[0].project} cannot be loaded at the moment"
    assert told in second
    if place == "_swap":
        assert asleep[1].project in second
        assert "int too large" in crowded.served_models.problems[str(asleep[0].project)]["message"]


def test_no_model_is_asked_about_blind_examples(world):
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.blind = {"2"}
    examples = [example(key=str(number)) for number in range(1, 4)]
    found = world.host.suggest("tool", "p1", examples)
    assert [(one.example.key, one.blind, one.predictions["mood"].answer is None) for one in found] == [
        ("1", False, False), ("2", True, True), ("3", False, False)
    ]  # fmt: skip
    assert [world.host.blind("tool", "p1", one) for one in examples] == [False, True, False]
    world.blind = {"1", "2", "3"}
    assert all(one.blind for one in world.host.suggest("tool", "p1", examples))
