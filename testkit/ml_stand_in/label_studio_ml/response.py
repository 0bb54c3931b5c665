"""What `predict` may answer with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class PredictionValue(BaseModel):
    """One prediction."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str | None = None
    score: float | None = 0.0
    result: list[dict[str, Any]] | None = None


class ModelResponse(BaseModel):
    """Predictions in the order of the tasks."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str | None = None
    predictions: list[list[PredictionValue] | PredictionValue]

    def has_model_version(self) -> bool:
        return bool(self.model_version)

    def update_predictions_version(self) -> None:
        """Those that have none get that of the whole."""
        for prediction in self.predictions:
            for each in prediction if isinstance(prediction, list) else [prediction]:
                each.model_version = each.model_version or self.model_version

    def set_version(self, version: str) -> None:
        self.model_version = version
        self.update_predictions_version()
