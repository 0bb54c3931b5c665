"""The hot swap: which models serve which project, replaced in one assignment.

A request takes its `Served` once and keeps it: no answer mixes versions, and the models of an older generation are
freed by Python when the last request that holds them ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from typing import Any

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.budget import Budget
from labelwheel.backend.serving.engine import Engine
from labelwheel.backend.serving.loaded_models import LoadedModels, one_line
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.served import Served, Table, Wanted
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import OutOfMemory, StoreUnreachable

log = logging.getLogger(__name__)

CATCHING_UP_SECONDS = 30.0
"""So long a request waits for what other processes serve already."""


class ServedModels:
    """What is served, and the way from one generation to the next. Any thread may read, one thread calls `follow`."""

    def __init__(
        self,
        engine: Engine,
        queue: InferenceQueue,
        source: Callable[[], Mapping[int, Wanted]],
        budget: Budget | None = None,
        read: Callable[..., Checkpoint] = checkpoint.read,
        turn: Callable[[int], int | None] = lambda project: None,
    ) -> None:
        """`turn` says on which turn a project is, where other processes answer, too; see `projects.turns`."""
        self._source, self._turn, self._loaded = source, turn, LoadedModels(engine, queue, read)
        self.budget = budget or Budget()
        self.on_call: Callable[[], None] = lambda: None
        self._called: dict[int, Future[Served]] = {}
        self._calling = threading.Lock()
        self._table = Table()
        self._prepared: dict[int, Served] = {}
        self._followed = threading.Condition()
        self._looked = False
        self._problems: Mapping[int, dict[str, str]] = {}
        self._known: frozenset[tuple[str, str | None]] = frozenset()
        self.ready = threading.Event()
        self.swaps = 0

    def served(self, tool: str, reference: str) -> Served:
        """What a project is served with at this moment; memory only, where no other process serves it.

        Raises UnknownProject, or Overloaded while its models are being loaded.
        """
        table = self._table
        served = table.projects.get(table.references.get((tool, reference), -1))
        if served is None:
            raise self._missing(f"{tool} project {reference!r}", (tool, reference) in self._known)
        return self._caught_up(served)

    def served_by_id(self, project: int) -> Served:
        """The same for a project's own id."""
        served = self._table.projects.get(project)
        if served is None:
            raise self._missing(f"project {project}", False)
        return self._caught_up(served)

    def _caught_up(self, served: Served) -> Served:
        """What another process may have answered with a moment ago, or something later."""
        turn = self._turn(served.project)
        if turn is None or turn <= served.turn:
            return served
        self.on_call()

        def found() -> Served | None:
            now = self._table.projects.get(served.project)
            return now if now is not None and now.turn >= turn else None

        with self._followed:
            later = self._followed.wait_for(found, CATCHING_UP_SECONDS)
        if later is None:
            raise self._missing(f"project {served.project}", True)
        return later

    def awake(self, served: Served, seconds: float = 30.0) -> Served:
        """The same project with its models in memory; raises Overloaded where that takes longer."""
        self.budget.touch(served.project)
        if not served.unloaded:
            return served
        with self._calling:
            future = self._called.setdefault(served.project, Future())
        self.on_call()
        try:
            return future.result(seconds)
        except FutureTimeout:
            message = f"the model of project {served.project} is being loaded; try again in a few seconds"
            raise Overloaded(message) from None

    def _missing(self, name: str, known: bool) -> Exception:
        if known or not self.ready.is_set():
            return Overloaded(f"the model of {name} is being loaded; try again in a few seconds")
        return UnknownProject(f"{name} is not connected; run `labelwheel connect` first")

    @property
    def serving(self) -> dict[str, str]:
        """Generation by project id, whole ones only: what this process reports."""
        return {str(each.project): each.generation for each in self._table.projects.values() if each.complete}

    @property
    def prepared(self) -> dict[str, str]:
        """The same with what could be served from one moment to the next in its place."""
        ready = {str(each.project): each.generation for each in self._prepared.values() if each.complete}
        return self.serving | ready

    @property
    def unloaded(self) -> list[int]:
        """The projects whose models wait on disk."""
        return [project for project, each in self._table.projects.items() if each.unloaded]

    @property
    def models(self) -> dict[str, Any]:
        """Megabytes of encoders in memory, how many there may be, and whose wait on disk; what computes them."""
        most = self.budget.most
        used, limit = round(self.budget.used / 1e6), None if most is None else round(most / 1e6)
        return {"mb": used, "budget_mb": limit, "unloaded": sorted(self.unloaded), "engines": self._engines}

    @property
    def _engines(self) -> list[Mapping[str, Any]]:
        """What each encoder is computed with, and what was measured to choose it; in the order of the projects."""
        members = (one.model.encoder for each in self._table.projects.values() for one in each.members.values())
        return [each.computing for each in {id(encoder): encoder for encoder in members}.values()]

    @property
    def problems(self) -> dict[str, dict[str, str]]:
        """By project id: what could not be loaded, or does not answer by itself at the moment, and why."""
        away = {
            each.project: {"generation": each.generation, "question": name, "message": problem, "answered_for": "yes"}
            for each in self._table.projects.values()
            for name, member in each.members.items()
            if (problem := getattr(member.model, "problem", None))
        }
        return {str(project): dict(problem) for project, problem in (away | dict(self._problems)).items()}

    def versions(self) -> dict[int, Mapping[str, str]]:
        """By project id: the checkpoint that answers each question."""
        projects = self._table.projects.values()
        return {
            each.project: {name: member.model.version for name, member in each.members.items()} for each in projects
        }

    def follow(self) -> bool:
        """Makes what is served what is wanted, project by project; True where anything changed.

        Whoever waits for a project meanwhile is answered in any case, also where this raises.
        """
        wanted = self._source()
        self._known = frozenset((each.tool, each.reference) for each in wanted.values())
        problems: dict[int, dict[str, str]] = {}
        with self._calling:
            called, self._called = self._called, {}
        try:
            changed = self._drop(wanted)
            for want in wanted.values():
                changed |= self._guarded(want, want.project in called, problems)
        finally:
            self._answer(called)
        self._unload()
        self._problems = problems
        self._prepared = {project: each for project, each in self._prepared.items() if project in wanted}
        versions = {version for want in wanted.values() for version, _ in want.members.values()}
        self._loaded.settle(versions)
        # what was got ready as the first may be answered with in a moment, when that was reported
        if self._looked or not self._prepared.keys() - self._table.projects.keys():
            self.ready.set()
        self._looked = True
        with self._followed:
            self._followed.notify_all()
        return changed

    def _answer(self, called: Mapping[int, Future[Served]]) -> None:
        for project, future in called.items():
            found = self._table.projects.get(project)
            if found is not None and found.unloaded and project in self._prepared:
                with self._calling:  # its turn comes in a moment
                    if self._called.setdefault(project, future) is future:
                        continue
            if found is None or found.unloaded:
                future.set_exception(Overloaded(f"the model of project {project} cannot be loaded at the moment"))
            else:
                future.set_result(found)

    def _unload(self) -> None:
        projects = self._table.projects
        held = {project: each for project, each in projects.items() if not each.unloaded}
        encoders = {project: [one.model.encoder for one in each.members.values()] for project, each in held.items()}
        gone = self.budget.surplus(encoders)
        if gone:
            log.info("the models of projects %s are unloaded: the memory is for those that are asked", gone)
            left = {project: replace(held[project], members={}, champions={}, unloaded=True) for project in gone}
            self._table = Table.of({**projects, **left})

    def _drop(self, wanted: Mapping[int, Wanted]) -> bool:
        served = self._table.projects
        kept = {project: each for project, each in served.items() if project in wanted}
        if len(kept) == len(served):
            return False
        self._table = Table.of(kept)
        return True

    def _guarded(self, want: Wanted, called: bool, problems: dict[int, dict[str, str]]) -> bool:
        """What goes wrong with one project is that project's problem."""
        try:
            current = self._table.projects.get(want.project)
            asleep = current is not None and current.unloaded and called
            if current is not None and current.key == want.key and current.complete and not asleep:
                if current.turn != want.turn:
                    self._serve(replace(current, turn=want.turn))
                return False
            return self._swap(want, current, problems) if want.answers else self._prepare(want, current, problems)
        except Exception as error:
            message = one_line(error)
            if self._problems.get(want.project, {}).get("message") != message:
                log.exception("project %d cannot be served by %s", want.project, want.generation)
            problems[want.project] = {"generation": want.generation, "message": message}
            return False

    def _serve(self, served: Served) -> None:
        self._table = Table.of({**self._table.projects, served.project: served})

    def _prepare(self, want: Wanted, current: Served | None, problems: dict[int, dict[str, str]]) -> bool:
        """Gets ready what is to be served once all other processes are ready, too."""
        ready = self._prepared.get(want.project)
        if ready is not None and ready.key == want.key and ready.complete:
            return False
        made = self._made(want, ready if ready is not None and ready.key == want.key else current, problems)
        if made is not None:
            self._prepared[want.project] = made
        return made is not None

    def _swap(self, want: Wanted, current: Served | None, problems: dict[int, dict[str, str]]) -> bool:
        made = self._prepared.pop(want.project, None)
        if made is None or made.key != want.key or not made.complete:
            made = self._made(want, current, problems)
        if made is None:
            return False
        self._serve(replace(made, turn=want.turn))
        if current is None or current.generation != want.generation:
            self.swaps += 1
            log.info("project %d is served by %s", want.project, want.generation)
        return True

    def _made(self, want: Wanted, current: Served | None, problems: dict[int, dict[str, str]]) -> Served | None:
        """What is wanted, loaded; None where what there is, `current`, is better."""
        members: dict[str, ServedQuestion] = {}
        for name, (version, place) in want.members.items():
            try:
                model = self._loaded.model(version, place, want.questions[name], want.digests.get(version))
                members[name] = ServedQuestion(want.questions[name], model)
            except StoreUnreachable as error:  # no checkpoint's fault: none is given up for it
                problems[want.project] = {"generation": want.generation, "question": name, "message": one_line(error)}
            except OutOfMemory as error:
                problem = {"generation": want.generation, "question": name, "message": one_line(error)}
                if current is None or self._loaded.hopeless(version):
                    problem["checkpoint"] = version
                problems[want.project] = problem
            except Exception as error:
                problems[want.project] = {
                    "generation": want.generation, "question": name, "checkpoint": version, "message": one_line(error)
                }  # fmt: skip
        complete = len(members) == len(want.members)
        # the champion stays where its successor cannot be loaded; only a process that has none yet serves what it can
        if not complete and (current is not None and (current.complete or len(members) <= len(current.members))):
            return None
        if not complete and not members:
            return None
        questions = tuple(want.questions.values())
        revised, version = self._loaded.revised(want, members) if complete else (members, want.generation)
        return Served(
            want.project, want.tool, want.reference, want.generation, questions, revised, want.key, complete, version,
            members,
        )  # fmt: skip
