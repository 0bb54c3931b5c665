"""Where training runs, and how much it may take."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Jobs(BaseModel):
    """Where training runs, and how much it may take."""

    jobs: int = Field(
        2,
        ge=1,
        le=64,
        description="how many training jobs may run at a time, of different questions; each takes memory",
    )
    launcher: str = Field(
        "local", description="where jobs run: `local`, `kubeflow` (docs/kubeflow.md), or one installed"
    )
    job_threads: int | None = Field(None, ge=1, description="how many cores a training job may use; all if not set")
    job_minutes: float = Field(30.0, gt=0, description="how long one training job may take")
    fine_tuning: bool = Field(
        True,
        description="whether jobs train the encoder, too, for minutes; if not, they fit light heads on what it "
        "reads, in seconds and with little memory, and train it only where nothing else learns the question",
    )
    tune_base_models: str = Field(
        "",
        description="base models that `labelwheel tune` may choose beside `LABELWHEEL_BASE_MODEL`, with commas: hub "
        "names or folders",
    )
    zero_shot: str = Field(
        "",
        description="a hub name or a folder of a model of natural language inference that answers before the first "
        "label, and that rounds try, where one or several options are chosen (docs/zero-shot.md); if not set, none",
    )
    text_model: str = Field(
        "",
        description="a hub name or a folder of a sequence-to-sequence or causal model of transformers that rounds "
        "fine-tune where people write their answers (docs/text-answers.md); if not set, none is tried",
    )
    artefact: bool = Field(
        True, description="whether a job also writes an ONNX graph, in int8 where it gives the same answers"
    )
    ml_backends: str = Field(
        "",
        description="classes of your own ML backends that rounds try: `path/to/model.py:Class`, with commas; trusted",
    )
    ml_backend_seconds: float = Field(10.0, gt=0, description="how long one of these may take for up to 32 examples")
    ml_backend_mb: float = Field(4096.0, gt=0, description="how much memory one of these may take before it is ended")
    ml_backend_variables: str = Field("", description="names of variables that these get beside `PATH` and the like")
