"""Whether this process serves what is wanted: asked by whoever chooses among several which one gets a request."""

from __future__ import annotations

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.models import ServedModels


class Readiness:
    """A process joins the others once, when it answers for every project that they answer for, and stays.

    A promotion, or a project that comes later, reaches all processes at once: if these left while they load it, nobody
    would be left to answer. A checkpoint that cannot be served is the trouble of its own project, here as elsewhere.
    """

    def __init__(self, served_models: ServedModels) -> None:
        self._served_models, self._joined = served_models, False

    def check(self) -> None:
        """Raises Overloaded until the first models are served, also while the store or memory withholds one."""
        if self._joined:
            return
        if not self._served_models.ready.is_set():
            raise Overloaded("nothing is served yet: the first models are being loaded; try again in a few seconds")
        if waiting := self._waiting():
            raise Overloaded(f"{len(waiting)} projects are not served yet; `labelwheel status` says what they wait for")
        self._joined = True

    def _waiting(self) -> set[str]:
        held_up = {
            project
            for project, problem in self._served_models.problems.items()
            if "question" in problem and "checkpoint" not in problem
        }
        # what another process turned to before this one was there is not answered with yet
        return (held_up | set(self._served_models.prepared)) - set(self._served_models.serving)
