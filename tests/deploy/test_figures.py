"""What the cluster asks of the web process's figures, and with which token; and how long a gateway waits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from labelwheel.backend.app import create_app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.api import BULK_SECONDS
from tests.backend.serving.fakes import FakeEngine
from tests.deploy.manifests import PLACE, containers, of, overlay

READ = "only-to-look-at-it"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    settings = Settings(home=tmp_path, token="a-token-of-sixteen", read_token=READ)
    Database(settings.database_url).migrate()
    app = create_app(settings, FakeEngine(), start=False)
    yield app
    app.extensions["labelwheel"].queue.close()


def adapter() -> dict[str, Any]:
    path = PLACE / "components" / "autoscaling" / "prometheus-adapter.yaml"
    (rule,) = yaml.safe_load(path.read_text(encoding="utf-8"))["rules"]["custom"]
    return dict(rule)


def test_prometheus_is_let_in_by_what_the_monitor_shows(app: Flask) -> None:
    manifests = overlay("several")
    ((endpoint,),) = (each["spec"]["endpoints"] for each in of(manifests, "ServiceMonitor"))
    key = endpoint["authorization"]["credentials"]
    variables = {each["name"]: each for each in dict(containers(manifests))["labelwheel-web/web"]["env"]}
    assert variables["LABELWHEEL_READ_TOKEN"]["valueFrom"]["secretKeyRef"] == key
    headers = {"Authorization": f"{endpoint['authorization']['type']} {READ}"}
    assert app.test_client().get(endpoint["path"], headers=headers).status_code == 200
    assert app.test_client().get(endpoint["path"]).status_code == 401


def test_the_autoscaler_asks_for_what_the_adapter_makes_of_a_figure_that_there_is(app: Flask) -> None:
    rule = adapter()
    (autoscaler,) = of(overlay("several"), "HorizontalPodAutoscaler")
    asked = [each["pods"]["metric"]["name"] for each in autoscaler["spec"]["metrics"] if each["type"] == "Pods"]
    assert asked == [rule["name"]["as"]]
    series = rule["seriesQuery"].partition("{")[0]
    assert re.fullmatch(rule["name"]["matches"], series)
    figures = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {READ}"}).text
    assert re.search(rf"^{series} [\d.]+$", figures, re.MULTILINE)
    assert f"# TYPE {series} gauge" in figures, "its mean over time is one of waiting examples"


def test_the_adapters_query_is_one_figure_for_each_pod() -> None:
    rule = adapter()
    query = rule["metricsQuery"]
    for name, value in {"Series": "s", "LabelMatchers": 'namespace="n"', "GroupBy": "pod"}.items():
        query = query.replace(f"<<.{name}>>", value)
    assert query == 'avg(avg_over_time(s{namespace="n"}[2m])) by (pod)'
    assert {name: each["resource"] for name, each in rule["resources"]["overrides"].items()} == {
        "namespace": "namespace",
        "pod": "pod",
    }


def test_it_is_scraped_often_enough_for_the_mean() -> None:
    ((endpoint,),) = (each["spec"]["endpoints"] for each in of(overlay("several"), "ServiceMonitor"))
    window = re.search(r"\[(\d+)m\]", adapter()["metricsQuery"])
    assert window
    assert int(window[1]) * 60 >= 4 * int(endpoint["interval"].removesuffix("s"))


def test_a_gateway_waits_longer_than_the_service_takes() -> None:
    (route,) = of(overlay("several"), "HTTPRoute")
    for seconds in route["spec"]["rules"][0]["timeouts"].values():
        assert float(seconds.removesuffix("s")) > max(BULK_SECONDS, Settings().request_seconds)


def test_scaling_keeps_what_the_budget_needs() -> None:
    manifests = overlay("several")
    (autoscaler,) = of(manifests, "HorizontalPodAutoscaler")
    (budget,) = of(manifests, "PodDisruptionBudget", "labelwheel-web")
    assert autoscaler["spec"]["minReplicas"] > budget["spec"]["maxUnavailable"]
    (web,) = of(manifests, "Deployment", "labelwheel-web")
    assert web["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
