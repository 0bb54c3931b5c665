"""What can go wrong in the service itself."""

from __future__ import annotations

from labelwheel.training.errors import LabelwheelError


class InvalidSettings(LabelwheelError):
    """The settings do not fit together. Printed as one line at start; nothing is started."""

    status = 422


class DatabaseUnusable(LabelwheelError):
    """The database is away, damaged, somebody else's or of a newer version. The message says what to do about it."""

    status = 503


class InvalidRequest(LabelwheelError):
    """A request to our own API cannot be understood."""

    status = 400


class Unauthorized(LabelwheelError):
    """No credentials, or wrong ones. Send LABELWHEEL_TOKEN as a bearer or as the password of Basic."""

    status = 401


class Forbidden(LabelwheelError):
    """These credentials are good for less: another project's, a webhook's, or read-only. Use LABELWHEEL_TOKEN."""

    status = 403


class NotFound(LabelwheelError):
    """No such project, question, checkpoint or round."""

    status = 404


class Conflict(LabelwheelError):
    """Not possible in the present state, such as a second round while one is running."""

    status = 409


class TooLarge(LabelwheelError):
    """The body is larger than `max_body_mb`, or holds more examples than one request may."""

    status = 413


class TooSlow(LabelwheelError):
    """The request did not arrive in time. Send it all at once."""

    status = 408


class Overloaded(LabelwheelError):
    """More is waiting than can be answered in time. Try again in a few seconds: `retry`, where that is known."""

    status = 503

    def __init__(self, message: str, retry: float | None = None) -> None:
        super().__init__(message)
        self.retry = retry


class NotShown(LabelwheelError):
    """The labelling tool does not take the list of label errors. The message has its reason; all else goes on."""

    status = 502


class PushFailed(LabelwheelError):
    """A model could not be taken somewhere, or back. The message says what to do; nothing half is left of it."""

    status = 502


class ServiceUnreachable(LabelwheelError):
    """The running service does not answer at LABELWHEEL_URL. Start it with `labelwheel serve`."""

    status = 503
