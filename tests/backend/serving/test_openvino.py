"""OpenVINO in ONNX Runtime's place: the same graphs, and answers that do not depend on their batch."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from labelwheel.backend.devices import gpu_in_sight
from labelwheel.backend.serving import cores
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.settings import Settings
from labelwheel.training.errors import InvalidCheckpoint, LabelwheelError
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export import openvino_graph, openvino_session
from labelwheel.training.onnx_export.openvino_session import OpenVinoSession, width
from labelwheel.training.onnx_export.quantisation import quantise
from labelwheel.training.onnx_export.session import Session
from tests.backend import real

LENGTHS = (3, 5, 8, 12, 17, 31, 33, 64, 100, 250)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """MiniLM's graph in fp32 as a checkpoint has it, and in int8 as a job puts it."""
    import transformers

    plain, small = real.store() / "n1" / "onnx" / "encoder.onnx", tmp_path_factory.mktemp("int8") / "int8.onnx"
    quantise(plain, small, transformers.AutoTokenizer.from_pretrained(real.store() / "n1"))
    return {"fp32": plain, "int8": small}


def encodings(lengths=LENGTHS):
    chance = np.random.default_rng(1)
    return [
        Encoding(place, [101, *chance.integers(1000, 28000, length - 2).tolist(), 102])
        for place, length in enumerate(lengths)
    ]


@pytest.mark.parametrize(("precision", "apart"), [("fp32", 0.03), ("int8", 0.2)])
def test_features_are_those_of_the_graph(graphs, precision, apart):
    mine = OpenVinoSession(graphs[precision], 0).features(encodings())
    wanted = Session(graphs["fp32"], 0, 1).features(encodings())
    theirs = Session(graphs[precision], 0, 1).features(encodings())
    for one, whole in zip(mine, wanted, strict=True):
        assert one.dtype == np.float32
        assert np.abs(one - whole).max() < apart * np.abs(whole).max()
    # no further from the truth than what a job has judged
    far = [np.linalg.norm(np.subtract(each, wanted)) for each in (mine, theirs)]
    assert far[0] < 1.1 * far[1] or precision == "fp32"


def test_a_product_in_int8_is_openvinos_own(graphs):
    openvino = openvino_session._library()

    model = openvino.Core().read_model(str(graphs["int8"]))

    def least():
        return [each for each in model.get_ops() if each.get_type_name() == "ReduceMin"]

    assert least()
    assert openvino_graph.mend(model) == 36
    assert not least()
    assert "int8" in OpenVinoSession(graphs["int8"], 0).arithmetic
    assert "int8" not in OpenVinoSession(graphs["fp32"], 0).arithmetic


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("layered", [False, True])
def test_what_is_said_of_a_text_does_not_depend_on_its_batch(graphs, precision, layered):
    session = OpenVinoSession(graphs[precision], 0)
    rows = encodings((*LENGTHS, 4, 7, 9, 11, 98, 240))
    alone = [session.features([row], layered)[0] for row in rows]
    assert session.layered
    assert len(alone[0]) > 384 if layered else len(alone[0]) == 384
    chance = np.random.default_rng(2)
    for _ in range(12):
        picked = chance.choice(len(rows), chance.integers(2, 9), replace=True)
        for place, found in zip(picked, session.features([rows[each] for each in picked], layered), strict=True):
            assert np.array_equal(found, alone[place])


def test_a_row_is_never_cut_and_little_is_padded():
    assert all(tokens <= width(tokens) < tokens + 16 for tokens in range(1, 600))
    assert [width(tokens) for tokens in (1, 12, 17, 32, 33, 250)] == [16, 16, 32, 32, 48, 256]


def test_lanes_compute_at_a_time_and_never_mix(graphs):
    session, rows = OpenVinoSession(graphs["fp32"], 0, lanes=2), encodings()
    wanted, wrong = session.features(rows), []

    def ask(place):
        found = [session.features([rows[place]])[0] for _ in range(10)]
        wrong.extend(place for each in found if not np.array_equal(each, wanted[place]))

    threads = [threading.Thread(target=ask, args=(place,)) for place in (1, 3, 4)]  # one more than there are lanes
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_same_graph_in_two_engines_has_two_names():
    """Features that one arithmetic gave are never read by heads of the other, nor kept in its place."""
    folder = real.store() / "n1"
    names = {OnnxEngine(1, openvino=each).load(folder).encoder.name for each in (False, True)}
    assert len(names) == 2


def test_it_is_gone_when_nobody_holds_it():
    engine = ChosenEngine("openvino", "cpu", 1)
    models = [engine.load(real.store() / version) for version in real.VERSIONS]
    assert models[0].encoder is models[1].encoder
    gone = weakref.ref(models[0].encoder._session._compiled)
    models.clear()
    gc.collect()
    assert gone() is None


def test_its_threads_run_on_every_core(graphs, monkeypatch):
    """A process's follower may be kept off a core; what it loads is not."""
    before, seen = os.sched_getaffinity(0), []
    monkeypatch.setattr(cores, "_restrict", seen.append)
    OnnxEngine(1, openvino=True).load(real.store() / "n1")
    assert seen == [cores._ALL, before]


def test_without_openvino_it_is_said_what_to_install(graphs, monkeypatch):
    assert openvino_session.installed()
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not openvino_session.installed()
    with pytest.raises(LabelwheelError, match=r"labelwheel\[openvino\].*LABELWHEEL_ENGINE"):
        OpenVinoSession(graphs["fp32"], 0)
    assert OnnxEngine(1).load(real.store() / "n1").version == "n1"


def test_a_graph_that_it_cannot_read(tmp_path):
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(InvalidCheckpoint, match="LABELWHEEL_ENGINE"):
        OpenVinoSession(tmp_path / "encoder.onnx", 0)


def test_it_is_asked_for_by_name_and_runs_on_a_cpu():
    assert ChosenEngine("openvino", None, 1).load(real.store() / "n1").encoder.name.count("openvino") == 1
    assert not gpu_in_sight("openvino", None)
    with pytest.raises(ValueError, match="openvino runs on a CPU"):
        Settings(engine="openvino", device="cuda")


def test_nobody_is_told_that_it_is_used() -> None:
    """Its package sends an event when it is imported: here there is nothing to send it with."""
    told = (
        "import socket, sys\n"
        "def refuse(*given): raise AssertionError(f'{given} is looked up')\n"
        "socket.getaddrinfo = refuse\n"
        "from labelwheel.training.onnx_export import openvino_session\n"
        "assert openvino_session.installed()\n"
        "assert 'openvino' not in sys.modules\n"
        "openvino_session._library()\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub", done.stderr
