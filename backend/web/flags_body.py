"""What the API says of answers that were given elsewhere."""

# no annotations from __future__ here: pydantic would have to evaluate them, at the start of each process

from labelwheel.backend.web.response_bodies import Body


class RefusedFlag(Body):
    """An answer that cannot be put into the labelling tool."""

    id: str
    reason: str


class FlagsBody(Body):
    """What became of answers that were given elsewhere; `added` were put there now or before."""

    added: list[str]
    refused: list[RefusedFlag]
