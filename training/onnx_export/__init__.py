"""What a CPU answers with: the checkpoint's encoder as an ONNX graph, in int8 where that gives the same answers.

It is made at the end of a job, lies in the checkpoint's folder under `onnx/`, and is hashed like every other file. The
head is kept apart from the graph, so that checkpoints with the same frozen encoder have the same graph, byte by byte,
and can share one pass through it.
"""
