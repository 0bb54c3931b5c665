"""A language model of the operator's choice: where it is, and what it may cost."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, field_validator


def _url(value: str | None) -> str | None:
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address alone; a key belongs into LABELWHEEL_LLM_KEY")
    return value


class LanguageModels(BaseModel):
    """A language model of the operator's choice: where it is, and what it may cost. Without, nothing is sent."""

    llm_url: Annotated[str | None, AfterValidator(_url)] = Field(
        None,
        description="an endpoint of the OpenAI protocol, such as `http://127.0.0.1:8000/v1`, whose model rounds try "
        "(docs/language-models.md); texts are sent there, and nowhere if not set",
    )
    llm_model: str = Field("", validate_default=True, description="the model's name there")
    llm_key: SecretStr | None = Field(None, description="the key that is sent with each request")
    llm_price_in: float = Field(0.0, ge=0, description="what a million tokens of prompts cost, in any currency")
    llm_price_out: float = Field(0.0, ge=0, description="what a million tokens of answers cost")
    llm_budget: float = Field(
        1.0, ge=0, description="how much a project may spend in a day (UTC), in the same currency; then it is not asked"
    )
    llm_concurrency: int = Field(4, ge=1, le=256, description="how many requests each process has under way at once")
    llm_seconds: float = Field(20.0, gt=0, description="how long one answer may take, with all further attempts")
    llm_context_tokens: int = Field(4096, ge=512, description="how long a prompt may be; it holds so many examples")

    llm_redaction: str = Field(
        "",
        description="the name of an installed entry point of the group `labelwheel.redactions`, which each text goes "
        "through before it is sent",
    )
    llm_samples: int = Field(
        3,
        ge=1,
        le=16,
        description="how often it is asked for one answer where the endpoint says no probabilities: how far they agree "
        "says how sure it is, and each is paid for; with 1 all answers are as sure as they were right",
    )
    llm_role: Literal["suggest", "teacher"] = Field(
        "suggest",
        description="`suggest`: it suggests where rounds find it better; `teacher`: besides, it labels texts that "
        "nobody has labelled, for the small model to learn from",
    )
    llm_silver: int = Field(150, ge=20, le=1000, description="how many texts a teacher labels in a round, at most")

    @field_validator("llm_model")
    @classmethod
    def _named(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("llm_url") and not value.strip():
            raise ValueError("must name a model where LABELWHEEL_LLM_URL is set")
        return value.strip()

    @field_validator("llm_key", mode="before")
    @classmethod
    def _no_key(cls, value: object) -> object:
        return None if value == "" else value
