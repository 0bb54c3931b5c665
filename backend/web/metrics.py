"""What Prometheus reads at /metrics: the web's requests, the model's batches, what is served."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.database.engine import Database
from labelwheel.backend.rounds import language_model
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import gauges
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable
from labelwheel.training.language.account import Spent

log = logging.getLogger(__name__)

_LATENCY = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The instruments that are written to as things happen; one registry for each app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "labelwheel_request_seconds",
            "how long requests took",
            ["method", "route", "status"],
            buckets=_LATENCY,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "labelwheel_batch_seconds", "how long the model took for a batch", buckets=_LATENCY, registry=self.registry
        )
        self.batch_rows = Histogram(
            "labelwheel_batch_rows", "how many rows a batch had", buckets=_SIZES, registry=self.registry
        )
        self.tokens = Histogram(
            "labelwheel_batch_tokens", "how many tokens a batch had, padding left out",
            buckets=tuple(size * 32 for size in _SIZES), registry=self.registry,
        )  # fmt: skip

        # tokens a second is rate(tokens) / rate(batch_seconds_sum), what is wasted is padding / (padding + tokens)
        self.computed = Counter("labelwheel_tokens", "tokens that went through an encoder", registry=self.registry)
        self.padding = Counter("labelwheel_padding", "tokens that only filled up a batch", registry=self.registry)

    def batch(self, rows: int, tokens: int, padded: int, seconds: float) -> None:
        """Told by the queue of each batch; `padded` are its tokens with what fills it up."""
        self.batch_rows.observe(rows)
        self.tokens.observe(tokens)
        self.computed.inc(tokens)
        self.padding.inc(padded - tokens)
        self.batch_seconds.observe(seconds)


class _Source(Protocol):
    """What is asked when somebody reads."""

    served_models: ServedModels
    predictor: Predictor
    queue: InferenceQueue
    database: Database
    settings: Settings


class _State:
    """What is only looked up when somebody reads: nothing is counted twice."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        served_models, predictor, queue = self._source.served_models, self._source.predictor, self._source.queue
        yield _counter("labelwheel_swaps", "generations that were swapped in", served_models.swaps)
        yield _counter("labelwheel_cache_hits", "answers that came from the cache", predictor.cache.hits)
        yield _counter("labelwheel_cache_misses", "answers that were computed", predictor.cache.misses)
        yield _counter("labelwheel_examples", "examples that suggestions were asked for", predictor.counts.examples)
        yield _counter("labelwheel_dropped", "parts of predictions that did not fit", predictor.counts.dropped)
        yield _counter("labelwheel_unreadable", "texts that were empty or too long", predictor.counts.unreadable)
        yield _counter("labelwheel_late", "rows that nobody waited for any more and were not computed", queue.late)
        yield GaugeMetricFamily("labelwheel_queue_examples", "examples that wait for the model", queue.depth)
        failing = sum(bool(problem) for problem in served_models.problems.values())
        yield GaugeMetricFamily("labelwheel_load_problems", "projects whose next models cannot be loaded", failing)
        serving = GaugeMetricFamily(
            "labelwheel_serving_info", "what answers each question", labels=["project", "question", "version"]
        )
        for project, versions in served_models.versions().items():
            for question, version in versions.items():
                serving.add_metric([str(project), question, version], 1)
        yield serving
        yield GaugeMetricFamily(
            "labelwheel_encoders_bytes", "memory of the encoders' weights", served_models.budget.used
        )
        yield GaugeMetricFamily(
            "labelwheel_unloaded", "projects whose models wait on disk", len(served_models.unloaded)
        )
        yield _engines(served_models.models["engines"])
        yield from _language(language_model.spent(self._source.settings))
        try:
            yield from _ledger(gauges.read(self._source.database))
        except SQLAlchemyError as error:  # what the process itself knows is worth having without
            log.warning("the metrics of the database are left out: %s", error)


def _engines(found: Sequence[Mapping[str, Any]]) -> Metric:
    """Where engines were measured against each other, what each of them took."""
    gauge = GaugeMetricFamily(
        "labelwheel_engine_milliseconds", "one text on one core, as engines were measured when one was chosen",
        labels=["arithmetic", "engine", "texts"],
    )  # fmt: skip
    for each in found:
        for engine, times in each.get("milliseconds", {}).items():
            for texts, value in times.items():
                gauge.add_metric([each["arithmetic"], engine, texts], value)
    return gauge


def _language(spent: Mapping[str, tuple[Spent, Spent]]) -> Iterable[Metric]:
    """What language models were asked, by all processes of this machine together."""
    requests = CounterMetricFamily("labelwheel_llm_requests", "requests to the language model", labels=["project"])
    tokens = CounterMetricFamily(
        "labelwheel_llm_tokens", "tokens of prompts and of answers", labels=["project", "direction"]
    )
    money = GaugeMetricFamily("labelwheel_llm_money", "what they cost, with what is under way", labels=["project"])
    for project, (_, ever) in spent.items():
        requests.add_metric([project], ever.requests)
        tokens.add_metric([project, "in"], ever.tokens_in)
        tokens.add_metric([project, "out"], ever.tokens_out)
        money.add_metric([project], ever.money)
    yield from (requests, tokens, money)


def _ledger(found: gauges.Figures) -> Iterable[Metric]:
    rounds = CounterMetricFamily("labelwheel_rounds", "rounds, by where they are or how they ended", labels=["state"])
    for state, count in found.rounds.items():
        rounds.add_metric([state], count)
    lag = GaugeMetricFamily("labelwheel_ledger_lag_seconds", "since labels were looked for", labels=["project"])
    for project, seconds in found.lag.items():
        lag.add_metric([str(project)], seconds)
    yield from (rounds, lag)


def install(app: Flask, metrics: Metrics, source: _Source) -> None:
    """Measures each request and answers /metrics."""
    metrics.registry.register(_State(source))

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def observe(response: Response) -> Response:
        # the rule, not the path: whoever asks for made-up paths or methods must not be able to fill the memory
        method = request.method if request.method in _METHODS else "other"
        route = request.url_rule.rule if request.url_rule else "unknown"
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        metrics.requests.labels(method, route, response.status_code).observe(seconds)
        return response

    @app.get("/metrics")
    @readable
    @described("Figures for Prometheus", gives="text/plain")
    def read() -> Response:
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)
