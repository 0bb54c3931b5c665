"""What models are served, by what, and with how much of the machine."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from labelwheel.backend.devices import ON_CPU


class Serving(BaseModel):
    """What models are served, by what, and with how much of the machine."""

    base_model: str | None = Field(
        None, description="a hub name or a folder to start from; the embedded MiniLM if not set"
    )
    device: str | None = Field(None, description="cpu, cuda or cuda:1; a GPU is used where there is one if not set")
    engine: Literal["auto", "onnx", "openvino", "torch"] = Field(
        "auto",
        description="`auto`: torch on a GPU, else ONNX Runtime or OpenVINO, whichever is sooner, where there is a "
        "graph; or `onnx`, `openvino` (an extra of that name) or `torch`",
    )
    web_threads: int = Field(48, ge=2, le=256, description="how many requests are answered at once")
    serving_threads: int | None = Field(
        None, ge=1, description="how many cores inference may use, each for a batch of its own; all if not set"
    )
    serve_max_ms: float | None = Field(
        None,
        gt=0,
        description="how many milliseconds a long text may take on one core, or on the GPU, that serves; a base model "
        "that takes more is distilled into the embedded MiniLM, which is served in its place; no limit if not set",
    )
    models_mb: float | None = Field(
        None, gt=0, description="how much memory models may take: beyond it, those that were not asked for longest go"
    )
    features_mb: float = Field(
        512.0,
        ge=0,
        description="how much disk the encoders' features of texts may take, so that they are computed once; 0: none",
    )
    request_seconds: float = Field(
        90.0, gt=0, description="a request that is not answered by then gets 503, and is not computed any more"
    )
    max_length: int = Field(256, ge=16, le=8192, description="how many tokens of a text a model reads at once")
    max_characters: int = Field(20_000, ge=100, description="texts longer than this are not suggested anything")

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str, info: ValidationInfo) -> str:
        if value in ON_CPU and str(info.data.get("device") or "cpu").startswith("cuda"):
            raise ValueError(f"{value} runs on a CPU; leave LABELWHEEL_DEVICE out, or take auto or torch")
        return value
