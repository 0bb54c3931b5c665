"""The engines: ONNX Runtime or OpenVINO for a CPU, torch for a GPU and for checkpoints without an ONNX graph."""
