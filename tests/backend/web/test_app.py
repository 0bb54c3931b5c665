import io
import json
import logging

import pytest
from sqlalchemy.exc import OperationalError

from labelwheel.backend.app import create_app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.settings import Settings
from labelwheel.plugins.route_marks import own_credentials
from tests.backend.serving.fakes import FakeEngine
from tests.backend.web.attacks import OPEN

TOKEN = "a-token-of-sixteen"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, token=TOKEN, max_body_mb=0.01, max_examples=20)


@pytest.fixture
def app(settings):
    Database(settings.database_url).migrate()
    app = create_app(settings, FakeEngine(), start=False)

    @app.post("/echo")
    def echo():
        from flask import request

        return {"got": request.get_json()}

    @app.post("/signed")
    @own_credentials(lambda: None)
    def signed():
        return {"checked": "by itself"}

    @app.get("/crash")
    def crash():
        raise RuntimeError("a secret: hunter2")

    yield app
    app.extensions["labelwheel"].stop()


@pytest.fixture
def client(app):
    return app.test_client()


BEARER = {"Authorization": f"Bearer {TOKEN}"}


def problem(answer):
    assert answer.is_json, answer.data
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"type", "message"}
    assert "Traceback" not in answer.text
    return answer.status_code, answer.json["error"]["type"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/status", "/api/v1/projects/1", "/no/such/page", "/health"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic bm9wZQ=="},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer " + TOKEN + "x"},
        {"Authorization": "Bearer ümlaut".encode().decode("latin1")},
        {"Authorization": TOKEN},
    ],
)
def test_nothing_is_answered_without_the_token(client, path, headers):
    answer = client.get(path, headers=headers)
    assert problem(answer) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_route_with_credentials_of_its_own_needs_no_token_and_no_page_of_another_site_gets_there(client):
    assert client.post("/signed").status_code == 200
    assert problem(client.post("/signed", headers={"Origin": "http://evil.test"})) == (403, "Forbidden")
    assert problem(client.post("/echo", json={})) == (401, "Unauthorized")


def test_each_route_that_asks_for_no_token_checks_something_else(app):
    """Named here one by one: a route that is marked by mistake would be open to everybody."""
    marked = {name for name, view in app.view_functions.items() if getattr(view, "own_credentials", None)}
    assert marked == {"signed", "argilla.webhook", "api.progress", *OPEN}
    answer = app.test_client().post("/argilla/11111111-1111-4111-8111-111111111111/webhook", json={})
    assert problem(answer) == (401, "InvalidSignature")


def test_a_bearer_or_the_password_of_basic_with_any_user_lets_in(client):
    assert client.get("/", headers=BEARER).status_code == 200
    assert client.get("/", auth=("anyone", TOKEN)).status_code == 200
    assert client.get("/", auth=(TOKEN, "anyone")).status_code == 401


class TestWithoutToken:
    @pytest.fixture
    def settings(self, tmp_path):
        return Settings(home=tmp_path, public_url="http://wheel.example:9090")

    def test_this_machine_may_ask(self, client):
        for host in ("127.0.0.1:9090", "localhost", "[::1]:9090", "wheel.example:9090"):
            assert client.get("/", headers={"Host": host}).status_code == 200

    def test_other_machines_may_not(self, client):
        answer = client.get("/", environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert problem(answer) == (403, "Forbidden")
        assert client.get("/", environ_base={"REMOTE_ADDR": "::ffff:127.0.0.1"}).status_code == 200

    def test_a_proxy_does_not_make_strangers_local(self, client):
        assert client.get("/", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403

    def test_a_name_that_was_bent_to_this_machine_is_refused(self, client):
        assert problem(client.get("/", headers={"Host": "evil.example"})) == (403, "Forbidden")


def test_a_page_of_another_site_changes_nothing(client):
    for extra in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert problem(client.post("/echo", json={}, headers=BEARER | extra)) == (403, "Forbidden")
    same = BEARER | {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/echo", json={}, headers=same).status_code == 200


def test_errors_are_json_and_secrets_stay_in_the_log(client, caplog):
    assert problem(client.get("/nowhere", headers=BEARER)) == (404, "NotFound")
    answer = client.delete("/", headers=BEARER)
    assert problem(answer) == (405, "MethodNotAllowed")
    assert "GET" in answer.headers["Allow"]
    with caplog.at_level(logging.ERROR):
        answer = client.get("/crash", headers=BEARER)
    assert problem(answer) == (500, "InternalError")
    assert "hunter2" not in answer.text
    number = answer.json["error"]["message"].split()[-1]
    assert number in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"a": NaN}', b"\xff\xfe\x00", b'"\xc3\x28"', b"[" * 5000, b'{"a":' * 1500 + b"1" + b"}" * 1500,
        b'{"a":' * 101 + b"1" + b"}" * 101, b'{"a": 1e999}', b"-1e999", b"[" * 101 + b"]" * 101,
    ],
)  # fmt: skip
def test_what_is_no_json_is_a_400(client, body):
    answer = client.post("/echo", data=body, headers=BEARER, content_type="application/json")
    assert problem(answer) == (400, "BadRequest")


def test_half_surrogates_become_replacement_characters(client):
    body = rb'{"a\ud800": ["x\udc00y", "\ud83d\udc5f", "\\ud800"]}'
    answer = client.post("/echo", data=body, headers=BEARER, content_type="application/json")
    assert answer.json == {"got": {"a\ufffd": ["x\ufffdy", "👟", "\\ud800"]}}


def test_large_bodies_are_refused_without_being_read(client):
    stream = io.BytesIO(b"x" * 11_000)
    environ = {"wsgi.input": stream, "CONTENT_LENGTH": "11000"}
    answer = client.post("/echo", headers=BEARER, content_type="application/json", environ_overrides=environ)
    assert problem(answer) == (413, "TooLarge")
    assert answer.headers["Connection"] == "close"
    assert stream.tell() == 0


def test_large_bodies_of_unknown_length_are_cut_off(client):
    class Endless:
        given, size = 0, 300 * 2**20

        def read(self, size=-1):
            self.given += 4096
            return b"x" * 4096 if self.given < self.size else b""

    stream, chunked = Endless(), {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    environ = chunked | {"wsgi.input": stream}
    answer = client.post("/echo", headers=BEARER, content_type="application/json", environ_overrides=environ)
    assert problem(answer) == (413, "TooLarge")
    assert stream.given < 100_000
    environ = chunked | {"wsgi.input": io.BytesIO(b'{"a": 1}')}
    answer = client.post("/echo", headers=BEARER, content_type="application/json", environ_overrides=environ)
    assert answer.json == {"got": {"a": 1}}


def test_metrics_know_routes_and_methods_not_what_was_made_up(client):
    for number in range(20):
        client.get(f"/made-up/{number}", headers=BEARER)
        client.open("/", method=f"MADE{number}UP", headers=BEARER)
    client.get("/api/v1/projects/77", headers=BEARER)
    text = client.get("/metrics", headers=BEARER).text
    assert "made-up" not in text
    assert "MADE" not in text
    assert 'method="other"' in text
    assert 'route="/api/v1/projects/<int:number>",status="404"' in text
    for name in (
        "batch_rows", "batch_seconds", "queue_examples", "swaps_total", "dropped", "tokens_total", "padding_total",
        "cache_hits", "late_total", "encoders_bytes", "unloaded", "rounds", "ledger_lag_seconds", "serving_info",
        "engine_milliseconds",
    ):  # fmt: skip
        assert f"# HELP labelwheel_{name}" in text, name


def test_what_engines_took_is_told(client, monkeypatch):
    took = {"onnx": {"single": 2.5, "batched": 1.5}, "openvino": {"single": 2.0, "batched": 1.25}}
    measured = {"arithmetic": "openvino bf16", "engine": "openvino", "milliseconds": took}
    monkeypatch.setattr(ServedModels, "_engines", [{"arithmetic": "onnx"}, measured])
    text = client.get("/metrics", headers=BEARER).text
    assert text.count('labelwheel_engine_milliseconds{arithmetic="openvino bf16"') == 4
    assert 'engine="openvino",texts="batched"} 1.25' in text


def test_padding_is_counted(app, client):
    app.extensions["labelwheel"].metrics.batch(rows=2, tokens=30, padded=40, seconds=0.1)
    text = client.get("/metrics", headers=BEARER).text
    assert "labelwheel_tokens_total 30.0" in text
    assert "labelwheel_padding_total 10.0" in text


def test_metrics_of_a_database_that_is_away_are_left_out(app, client, monkeypatch):
    def fail(_):
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr("labelwheel.backend.web.metrics.gauges.read", fail)
    answer = client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    assert "labelwheel_rounds" not in answer.text
    assert "labelwheel_swaps_total" in answer.text


def test_the_token_is_nowhere_to_be_seen(app, client, settings):
    assert TOKEN not in repr(settings)
    assert TOKEN not in client.get("/", headers=BEARER).text
    assert TOKEN not in json.dumps(app.config, default=str)


class Watched(io.BytesIO):
    """A body that tells whether anybody looked."""

    read_from = False

    def read(self, *arguments):
        self.read_from = True
        return super().read(*arguments)


def send(client, rule, body, **options):
    stream = Watched(body)
    environ = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"}
    path = rule.rule.replace("<int:number>", "1").replace("<path:name>", "q").replace("<uuid:dataset>", "1" * 32)
    path = path.replace("1" * 32, "11111111-1111-4111-8111-111111111111")
    method = sorted(rule.methods - {"HEAD", "OPTIONS"})[0]
    return client.open(path, method=method, environ_overrides=environ, **options), stream


def test_no_route_reads_a_body_before_it_knows_who_sends_it(app, client):
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("signed", *OPEN):
            continue
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer, stream = send(client, rule, b"[" * 5000, headers=headers)
            # a page leads to where one signs in
            refused = (302, 401, 404) if rule.endpoint.startswith("pages.") else (401, 404)
            assert answer.status_code in refused, rule
            assert not stream.read_from, rule
            assert answer.headers["Connection"] == "close", rule
            if not answer.location:
                problem(answer)


class TestSmallBodies:
    @pytest.fixture
    def settings(self, tmp_path):
        return Settings(home=tmp_path, token=TOKEN)

    def test_a_route_takes_a_large_body_only_where_it_is_marked_so(self, app, client):
        small = set()
        for rule in app.url_map.iter_rules():
            if rule.endpoint in ("signed", "argilla.webhook", "api.progress"):
                continue
            answer, stream = send(client, rule, b" " * 100_000, headers=BEARER)
            if (answer.status_code, stream.read_from) == (413, False):
                small.add(rule.rule)
        large = {rule.rule for rule in app.url_map.iter_rules()} - small - {"/signed"}
        assert large == {
            "/predict", "/setup", "/train", "/webhook", "/api/v1/projects/<int:number>/suggest",
            "/api/v1/projects/<int:number>/questions/<path:name>/features",
            "/api/v1/projects/<int:number>/questions/<path:name>/flags",
            "/argilla/<uuid:dataset>/webhook", "/api/v1/rounds/<int:number>/progress",  # refused as strangers' above
        }  # fmt: skip
        answer, _ = send(client, next(app.url_map.iter_rules("label_studio.setup")), b" " * 5_000_000, headers=BEARER)
        assert problem(answer) == (413, "TooLarge")


@pytest.mark.parametrize("origin", ["http://[", "http://]", "//[::1", "http://a]b", "\x00"])
def test_an_origin_that_is_no_address_is_another_site(client, origin):
    assert problem(client.post("/echo", json={}, headers=BEARER | {"Origin": origin})) == (403, "Forbidden")


def test_a_body_that_ends_early_is_a_400(client):
    environ = {"wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": "50"}
    answer = client.post("/echo", headers=BEARER, content_type="application/json", environ_overrides=environ)
    assert problem(answer) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "path", ["/versions?project=%00", "/versions?%00=1", "/api/v1/projects/1/questions/%00/labels"]
)
def test_an_address_with_nul_is_a_400(client, path):
    assert problem(client.get(path, headers=BEARER)) == (400, "InvalidRequest")


def test_what_parsing_costs_is_bounded_before_it_begins():
    from flask import Flask

    from labelwheel.backend.web.body import StrictJSON

    reader = StrictJSON(Flask("reader"))
    text = '[]{},\\"' * 1000  # brackets in a text are none
    assert reader.loads(json.dumps([text] * 200)) == [text] * 200
    for raw in (
        b"[" + b"[]," * 3_000_000 + b"1]",
        b"[" + b"1," * 3_000_000 + b"1]",
        b'["' + b'\\"[,' * 2_000_000 + b"\\",
    ):
        with pytest.raises(ValueError, match=r"parts|JSON|delimiter|Unterminated|Expecting"):
            reader.loads(raw)


@pytest.mark.parametrize(
    "raw", [b'{"a": "\xed\xa0\x80"}', '{"a": "\ud800"}'.encode("utf-16-le", "surrogatepass"), b'"\xff"']
)
def test_a_body_is_utf8(client, raw):
    """Python's decoder guesses encodings, and lets halves of surrogate pairs pass; no tokenizer takes them."""
    answer = client.post("/predict", data=raw, headers=BEARER, content_type="application/json")
    assert problem(answer) == (400, "InvalidPayload")


class TestStrangersOfThisMachine(TestWithoutToken):
    def test_a_host_that_is_no_address_is_refused(self, client):
        for host in ("[", "[::1", "a]b", ""):
            assert client.get("/", headers={"Host": host}).status_code in (400, 403)
