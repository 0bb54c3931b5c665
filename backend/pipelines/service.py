"""A running labelwheel as the steps of a pipeline see it: away for a while is no failure, and waiting has an end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import SecretStr

from labelwheel.backend.errors import NotFound, ServiceUnreachable, Unauthorized
from labelwheel.backend.web.client import Client, ServiceError
from labelwheel.training.errors import LabelwheelError

TOKEN = "LABELWHEEL_TOKEN"  # noqa: S105
POLL_SECONDS = 2.0
PASSING = frozenset({429, 502, 503, 504})
"""Answers of a service, or of what stands before it, that is about to come back."""

CONFLICT = 409

_Result = TypeVar("_Result")
Row = dict[str, Any]


class TookTooLong(LabelwheelError):
    """A step has waited as long as it may. Give it more time, or look at what it waits for."""


class WrongEnd(LabelwheelError):
    """A search or a round has ended otherwise than in a decision. The message is the service's own reason."""


class Service:
    """The service at `url` with the token of the environment, for one question and one run of a pipeline.

    A step waits for `wait` seconds in all, and for a service that does not answer for `patience` seconds at a time.
    """

    def __init__(
        self, url: str, project: int, question: str, run: str, wait: float = 10_800.0, patience: float = 600.0
    ) -> None:
        token = os.environ.get(TOKEN, "").strip()
        self.client = Client(url, SecretStr(token) if token else None)
        self.project, self.question, self.run = project, question, run
        self._wait, self._patience = wait, patience
        self._deadline = time.monotonic() + wait
        self._said = ""

    def ask(self, call: Callable[[Client], _Result]) -> _Result:
        """What the service answers; asked again while it is away. For what may be asked twice.

        Raises ServiceUnreachable once patience is at an end, Unauthorized, NotFound and ServiceError.
        """
        began = time.monotonic()
        while True:
            try:
                return call(self.client)
            except Unauthorized as error:
                raise Unauthorized(
                    f"{error}; a step has it from the secret that the pipeline's parameter `secret` names, key `token`"
                ) from None
            except (ServiceUnreachable, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status == NotFound.status:
                    raise NotFound(f"{error}: are `project` and `question` right?") from None
                if isinstance(error, ServiceError) and error.status not in PASSING:
                    raise
                if time.monotonic() - began > self._patience:
                    raise ServiceUnreachable(
                        f"waited for {self._patience / 60:g} minutes (is the pipeline's `url` right?): {error}"
                    ) from None
                self.say(f"waiting: {error}")
            time.sleep(POLL_SECONDS)

    def until(self, look: Callable[[], _Result | None], what: str) -> _Result:
        """What `look` finds, looked for until it is there. Raises TookTooLong, and what `look` does."""
        while (found := look()) is None:
            if time.monotonic() > self._deadline:
                raise TookTooLong(
                    f"{what} is not over after {self._wait / 60:g} minutes: give `wait_minutes` more, or see "
                    "`labelwheel status` for what holds it up"
                )
            time.sleep(POLL_SECONDS)
        return found

    def say(self, line: str) -> None:
        """A line of the step's log; the same one only once in a row."""
        if line != self._said:
            self._said = line
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
