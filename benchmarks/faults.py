"""Checkpoints that look whole and cannot be loaded: what a disk, a mistake and a small machine do to them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import MANIFEST, _sha256
from labelwheel.training.onnx_export.graph import FEATURES, IDS, MASK
from labelwheel.training.onnx_export.session import Head

KINDS = ("corrupt file", "wrong shape", "out of memory")


def make(store: Path, database: Path, source: str, version: str, kind: str) -> str:
    """A copy of a checkpoint under another version, known to the database and broken in one way; the version."""
    folder = store / version
    shutil.copytree(store / source, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["version"] = version
    graph, head = (folder / manifest["artefact"][name] for name in ("graph", "head"))
    if kind == "wrong shape":
        weight = Head.load(head).weight
        head.write_bytes(Head(np.zeros((len(weight), weight.shape[1] + 1), dtype=np.float32), None).dump())
    elif kind == "out of memory":
        _write_greedy(graph)
    for name in manifest["files"]:
        manifest["files"][name] = _sha256(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    digest = checkpoint.read(folder).digest
    if kind == "corrupt file":
        content = bytearray(graph.read_bytes())
        content[len(content) // 2] ^= 1
        graph.write_bytes(content)
    # with the digest of before it would be refused as another folder than the one that was promoted
    told = {"version": version, "folder": version, "manifest_digest": digest}
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        found = connection.execute("SELECT name FROM pragma_table_info('checkpoints')")
        columns = [name for (name,) in found if name not in ("id", *told)]
        names = ", ".join(columns)
        copied = f"SELECT ?, ?, ?, {names} FROM checkpoints WHERE version = ?"
        added = f"INSERT INTO checkpoints ({', '.join(told)}, {names}) {copied}"
        connection.execute(added, (*told.values(), source))
    return version


def _write_greedy(path: Path) -> None:
    """A graph that asks for 4 TB as soon as it runs, which is what too large a model comes to."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = numpy_helper.from_array(np.array([2**20, 2**20], dtype=np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Cast", [IDS], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Cast", [MASK], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Sum", ["ids", "mask", "sum"], [FEATURES]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in (IDS, MASK)]
    outputs = [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["rows", "tokens"])]
    graph = helper.make_graph(nodes, "greedy", inputs, outputs, [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
