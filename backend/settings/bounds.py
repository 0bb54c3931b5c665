"""How large requests may be, and how slow."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from labelwheel.backend.networks import networks


class Bounds(BaseModel):
    """How large requests may be, and how slow."""

    max_body_mb: float = Field(32.0, gt=0, description="larger request bodies are refused with 413")
    receive_seconds: float = Field(
        30.0, gt=0, description="how long a request may take to arrive, its head and then its body: slower ones get 408"
    )
    peer_connections: int = Field(
        100, ge=1, description="how many connections one address may hold open; loopback and trusted proxies any number"
    )
    trusted_proxies: str = Field(
        "", description="addresses or networks, with commas, of proxies and labelling tools that need more connections"
    )
    max_examples: int = Field(10_000, ge=1, description="more examples in one request are refused with 413")
    queue_examples: int = Field(20_000, ge=1, description="more examples waiting for the model are refused with 503")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        networks(value)
        return value
