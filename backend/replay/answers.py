"""What people would be shown: the product's own serving, in this process, on a simulation's database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelwheel.backend.database.engine import Database
from labelwheel.backend.rounds import foreign_models, language_model
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.feature_store import FeatureStore
from labelwheel.backend.serving.follower import Follower
from labelwheel.backend.serving.loading import load
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.records import ServingLedger
from labelwheel.backend.settings import Settings
from labelwheel.backend.settings import load as load_settings
from labelwheel.backend.web.features import packed
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.questions import Example, Prediction, Question

_AT_ONCE = 2_000
_SECONDS = 600.0


class Answers:
    """Answers one question of one project by what is served; a `FeatureSource`, too. `close` ends its threads."""

    def __init__(self, database: Database, settings: Settings, project: int, question: Question) -> None:
        self._project, self._question = project, question
        foreign_models.install(settings)
        language_model.install(settings)
        # the same engines as the service's: one that is measured anew may be another one, and be off by a last digit
        trials = load_settings().engines_file
        kept = trials if trials.is_file() else None
        self._engine = ChosenEngine(settings.engine, settings.device, settings.serving_threads, kept)
        self._queue = InferenceQueue(self._engine, settings.queue_examples)
        self._ledger = ServingLedger(database, settings, "replay")
        self._models = ServedModels(self._engine, self._queue, self._ledger.wanted, read=settings.checkpoints.read)
        self._follower = Follower(self._models, self._ledger.report)
        self._store = FeatureStore(settings.home / "features", settings.features_mb) if settings.features_mb else None
        if self._store is not None:
            self._store.open()
        self._predictor = Predictor(
            self._queue, AnswerCache(), settings.max_characters, max(_AT_ONCE, settings.max_examples),
            settings.shown_from, self._store,
        )  # fmt: skip

    def follow(self) -> None:
        """Serves what the database says. Raises InvalidCheckpoint where it cannot be loaded."""
        while self._follower.step():
            pass
        for problem in self._models.problems.values():
            raise InvalidCheckpoint(f"what came of a round cannot be served: {problem['message']}")

    def say(self, examples: Sequence[Example]) -> list[Prediction]:
        """What is suggested at this moment; nothing where nothing is served yet."""
        try:
            member = self._models.served_by_id(self._project).members.get(self._question.name)
        except UnknownProject:
            member = None
        return [Prediction() for _ in examples] if member is None else self._said(member, examples)

    def challenger(self, found: Checkpoint) -> Loaded:
        """A checkpoint that is not served, ready to answer."""
        return load(self._engine, self._queue, found, found.manifest.version)

    def said_by(self, model: Loaded, examples: Sequence[Example]) -> list[Prediction]:
        """What a checkpoint would suggest."""
        return self._said(ServedQuestion(self._question, model), examples)

    def _said(self, member: ServedQuestion, examples: Sequence[Example]) -> list[Prediction]:
        name, found = self._question.name, list[Prediction]()
        for start in range(0, len(examples), _AT_ONCE):
            piece = examples[start : start + _AT_ONCE]
            found += [each[name] for each in self._predictor.suggest({name: member}, piece, seconds=_SECONDS)]
        return found

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        """As the web process gives them to the fast lane."""
        champions = self._models.served_by_id(number).champions
        return packed(self._predictor, champions.get(question), question, [*map(Example.model_validate, examples)])

    def close(self) -> None:
        """Ends what computes."""
        self._queue.close()
        if self._store is not None:
            self._store.close()
