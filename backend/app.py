"""Wires the web process together, and does nothing else."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask

from labelwheel.backend.database.engine import Database
from labelwheel.backend.projects import connectors
from labelwheel.backend.rounds import foreign_models, language_model
from labelwheel.backend.serving.budget import Budget
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.engine import Engine
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.explaining import Explainer
from labelwheel.backend.serving.feature_store import FeatureStore
from labelwheel.backend.serving.follower import Follower
from labelwheel.backend.serving.hint_writer import HintWriter
from labelwheel.backend.serving.known_reasons import KnownReasons
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.readiness import Readiness
from labelwheel.backend.serving.records import ServingLedger
from labelwheel.backend.serving.turn_reader import TurnReader
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.trouble import line
from labelwheel.backend.web import (
    api,
    audit,
    auth,
    errors,
    explanations,
    exports,
    features,
    flags,
    label_errors,
    limits,
    openapi,
    probes,
    runs,
    tunings,
)
from labelwheel.backend.web import metrics as web_metrics
from labelwheel.backend.web.body import StrictJSON
from labelwheel.backend.web.known_secrets import KnownSecrets
from labelwheel.backend.web.pages import registry as pages
from labelwheel.backend.web.pages.frame import Source
from labelwheel.backend.web.scoped_host import ScopedHost

log = logging.getLogger(__name__)

EXTENSION = "labelwheel"


class Service:
    """What runs behind the routes. `start` loads the models in the background, `stop` takes leave."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.metrics = web_metrics.Metrics()
        self.database = Database(settings.database_url)
        self.ledger = ServingLedger(self.database, settings, f"{socket.gethostname()}:{settings.port}")
        self.queue = InferenceQueue(
            engine, settings.queue_examples, max(1, settings.web_threads // 2), self.metrics.batch
        )
        budget = Budget(int(settings.models_mb * 1e6) if settings.models_mb else None)
        turns = TurnReader(self.ledger.turn, self.ledger.alone)
        self.served_models = ServedModels(
            engine, self.queue, self.ledger.wanted, budget, settings.checkpoints.read, turns.latest
        )
        self.store = FeatureStore(settings.home / "features", settings.features_mb) if settings.features_mb else None
        self.predictor = Predictor(
            self.queue, AnswerCache(), settings.max_characters, settings.max_examples, settings.shown_from, self.store
        )
        reasons = KnownReasons()
        self.explainer = Explainer(
            self.queue, self.ledger.trained_on, settings.max_characters, settings.shown_from, reasons
        )
        self.hints = HintWriter(self.ledger.write)
        self.host = ServingHost(
            self.served_models,
            self.predictor,
            self.hints,
            self.ledger.names,
            kept=self.ledger.options,
            train=self.ledger.train,
            given_together=self.ledger.given_together,
            blind=self.ledger.blind,
            known=reasons if settings.explain else None,
            request_seconds=settings.request_seconds,
        )
        self.follower = Follower(self.served_models, self.ledger.report, joins=self.ledger.others)
        self.served_models.on_call = self.follower.poke
        self._pid: int | None = None
        self._stopping = threading.Lock()

    def start(self) -> None:
        self._pid = os.getpid()
        if self.store is not None:
            self.store.open()
        self.hints.start()
        self.follower.start()

    def stop(self, grace: float = 2.0, busy: Callable[[], bool] = lambda: False) -> None:
        """Says goodbye, lets short requests end, fails the others, writes what is left. May be called twice.

        While it is `busy` others may come yet, and are answered, until the `grace` (seconds) is over.
        """
        with self._stopping:
            if self._pid != os.getpid():  # never started, or in another process, or stopped already
                return
            self._pid = None
            self.follower.stop()
            try:
                self.ledger.leave()
            except Exception as error:
                log.warning("cannot take leave of the database: %s", error)
            deadline = time.monotonic() + grace
            while (self.queue.depth or busy()) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.queue.close()
            self.hints.stop()
            if self.store is not None:
                self.store.close()
            self.database.dispose()


class App(Flask):
    """Flask without coroutines: it would look for one in every hook and view of every request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(settings: Settings | None = None, engine: Engine | None = None, start: bool = True) -> Flask:
    """The web process's app; `app.extensions["labelwheel"]` is its Service. The tables have to be there already."""
    settings = settings or load()
    foreign_models.install(settings)
    language_model.install(settings)
    chosen = engine or ChosenEngine(settings.engine, settings.device, settings.serving_threads, settings.engines_file)
    service = Service(settings, chosen)
    app = App(__name__, static_folder=None)
    app.json = StrictJSON(app)
    app.extensions[EXTENSION] = service
    tools: dict[str, str] = {}
    # the order matters: measured first, then where to, then who asks, then how much
    web_metrics.install(app, service.metrics, service)
    pages.lead(app)
    auth.install(app, settings, KnownSecrets(service.ledger.owner).owner, tools)
    limits.install(app, int(settings.max_body_mb * 2**20), settings.receive_seconds)
    errors.install(app)
    audit.install(app, service.database)
    app.register_blueprint(probes.routes(Readiness(service.served_models)))
    app.register_blueprint(
        api.routes(settings, service.database, service.served_models, service.host), url_prefix="/api/v1"
    )
    app.register_blueprint(exports.routes(settings, service.database), url_prefix="/api/v1")
    app.register_blueprint(label_errors.routes(service.database), url_prefix="/api/v1")
    app.register_blueprint(runs.routes(service.database), url_prefix="/api/v1")
    app.register_blueprint(tunings.routes(service.database), url_prefix="/api/v1")
    app.register_blueprint(flags.routes(settings, service.database), url_prefix="/api/v1")
    app.register_blueprint(features.routes(settings, service.served_models, service.predictor), url_prefix="/api/v1")
    app.register_blueprint(
        explanations.routes(service.served_models, service.explainer, service.ledger.example), url_prefix="/api/v1"
    )
    app.register_blueprint(openapi.routes(app, tools), url_prefix="/api/v1")
    pages.install(app, Source(settings, service.database, service.served_models, service.explainer))
    for tool in connectors.names():
        try:
            blueprint = connectors.load(tool).routes(ScopedHost(service.host))
            app.register_blueprint(blueprint)
        except Exception as error:  # another's package costs its own tool and no other
            log.warning("the routes of %s are left out: %s", tool, line(error), exc_info=error)
            continue
        tools[blueprint.name] = tool

    if start:
        service.start()
    return app
