"""What can go wrong between labelwheel and a labelling tool."""

from __future__ import annotations

from labelwheel.training.errors import LabelwheelError


class ToolError(LabelwheelError):
    """The labelling tool said no, or something that makes no sense. The message names the call."""

    status = 502
    http_status: int = 0
    """What the tool answered with; 0 where it did not answer."""


class ToolFailed(ToolError):
    """The labelling tool itself broke over what it was asked for. Ask for less: one item may be to blame."""


class ToolUnreachable(ToolError):
    """The labelling tool does not answer. Whatever was under way is tried again later."""

    status = 504


class ToolRefused(ToolError):
    """The labelling tool does not accept the credentials. Make a new token and connect again."""

    status = 403


class InvalidSignature(LabelwheelError):
    """A request that proves itself by a signature does not. Nothing of it was used."""

    status = 401


class AddressRefused(ToolError):
    """The labelling tool refuses to call labelwheel's address. The message names the setting to change over there."""

    status = 409


class InvalidAddress(ToolError):
    """An address that may not be called, or is none. The message says what one looks like."""

    status = 400


class InvalidPayload(LabelwheelError):
    """A request's body is not what the labelling tool's protocol says."""

    status = 400


class UnknownProject(LabelwheelError):
    """Nobody connected this project. Run `labelwheel connect` first."""

    status = 404


class InvalidConfig(LabelwheelError):
    """The project's labelling configuration cannot be read."""

    status = 422
