"""The real engine on a real checkpoint: what is served is what training's own model says, also during a swap."""

import gc
import threading
import weakref

import pytest

from backend.serving.cache import AnswerCache
from backend.serving.engine import TorchEngine
from backend.serving.hints import HintWriter
from backend.serving.holder import Holder, Wanted
from backend.serving.host import ServingHost
from backend.serving.predictor import Predictor
from backend.serving.queue import InferenceQueue
from tests.backend import real
from tests.backend.real import TOPIC
from training.questions import Example

TEXTS = [
    "where is my parcel, it never came 📦",
    "You are the best shop ever!",
    "My card does not work any more.",
    "I want my money back. " * 60,
    "?",
    "",
    "half a pair: \ud83d",
]


@pytest.fixture
def world():
    wanted = {}

    class World:
        engine = TorchEngine("cpu", threads=1)
        queue = InferenceQueue(engine)
        holder = Holder(engine, queue, lambda: dict(wanted))
        host = ServingHost(holder, Predictor(queue, AnswerCache()), HintWriter(lambda keys: None), lambda tool, ref: [])

        def want(self, generation, version):
            members = {"topic": (version, real.store() / version)}
            wanted[1] = Wanted(1, "tool", "p1", generation, {"topic": TOPIC}, members)

    yield World()
    World.queue.close()


def examples():
    return [Example.model_construct(key=str(place), fields={"text": text}) for place, text in enumerate(TEXTS)]


def test_what_is_served_is_what_was_measured(world):
    from training.model import Model

    world.want("g1", "n1")
    world.holder.follow()
    served = [each.predictions["topic"] for each in world.host.suggest("tool", "p1", examples())]
    whole = [each for each in examples() if "\ud83d" not in each.fields["text"]]
    wanted = Model.load(real.store() / "n1", device="cpu").predict(TOPIC, whole, batch_size=1)
    for mine, other in zip(served, wanted, strict=False):
        assert mine.answer == other.answer
        assert mine.score == pytest.approx(other.score, abs=1e-4)
    assert served[0].answer == "parcel lost"
    assert served[5].answer is None
    assert served[6].answer in TOPIC.values


def test_real_swaps_under_load(world):
    world.want("g0", "n1")
    world.holder.follow()
    stop, errors, versions = threading.Event(), [], set()
    old = weakref.ref(world.holder.served("tool", "p1").members["topic"].model)

    def ask(number):
        turn = 0
        while not stop.is_set():
            turn += 1
            announced = int(world.host.version("tool", "p1")[1:])
            [suggestion] = world.host.suggest(
                "tool", "p1", [Example(key="1", fields={"text": f"parcel {number} {turn}"})]
            )
            if int(suggestion.version[1:]) < announced or suggestion.predictions["topic"].answer is None:
                errors.append(suggestion)
            versions.add(suggestion.version)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 6):
        world.want(f"g{number}", f"n{1 + number % 2}")
        assert world.holder.follow()
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert "g5" in {*versions, world.host.version("tool", "p1")}
    assert len(versions) > 2
    gc.collect()
    assert old() is None
    assert len(world.holder._models) == 1
