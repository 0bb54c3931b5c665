"""The engines: ONNX Runtime for a CPU, torch for a GPU and for checkpoints without an ONNX graph."""
