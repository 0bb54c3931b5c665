"""What the fuzz sends: requests to each route of the app's own map, more or less like those that are meant."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from flask.testing import FlaskClient
from hypothesis import strategies as st
from standardwebhooks import Webhook
from werkzeug.routing import Rule

TOKEN = "a-token-of-sixteen"
JOB = "the-token-of-a-round"
OPEN = ("pages.asset", "pages.sign_in", "pages.begin", "pages.sign_out", "probes.live", "probes.ready")
"""What needs no credentials: pages, and probes."""

DATASET = "8bb9a238-4981-498d-b6a8-fcdf7dfd252a"
SECRET = "bGFiZWx3aGVlbC10ZXN0LXNlY3JldC1vZi1hLXdlYmhvb2s="
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/></Choices></View>'
)

# what stands for JSON that Python itself does not write
RAW = {
    "@huge": b"1e999", "@-huge": b"-1e999", "@digits": b"9" * 5000, "@400": b"1" + b"0" * 400,
    "@deep": b"[" * 970 + b"]" * 970, "@deeper": b'{"a":' * 5000, "@nan": b"NaN", "@half": rb'"\ud800"',
    "@key": rb'{"\u0000": 1, "\udc00": 2, "a": 3, "a": 4}',
}  # fmt: skip
TEXTS = (
    "", " ", "\0", "a\0b", "x" * 100_000, "x" * 256, "é" * 300, "\ud800", "\uffff", "👟" * 100, "%00", "..",
    "../../etc/passwd",
    "1.99", "1", "-1", "mood", "tone/voice", "label-studio", "argilla", "http://", "http://[", "http://h:99999",
    "http://h?q",
    "file:///etc/passwd", "http://a@b", "http://169.254.169.254", "'; DROP TABLE works; --", "<View/>", CONFIG,
    "<View>" * 500,
    '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "v1", "NaN",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(sorted(RAW)),
    st.sampled_from(
        [None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 1e308, 0.1, [], {}, [None], [[]], {"": ""}]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)
BODIES: dict[str, Any] = {
    "api.register": {
        "tool": "label-studio", "url": "http://tool.test", "project": 5, "api_key": "key", "service_url": "http://h",
        "options": {"a": 1}, "share_with": 1,
    },
    "api.suggest": {"examples": [{"key": "1", "fields": {"text": "hello"}}, {"key": "2", "fields": {}}]},
    "explanations.explain": {"text": "hello there"},
    "api.progress": {
        "trainerStatus": {
            "progressPercentage": 40, "estimatedRemainingSeconds": 12, "metrics": [{"name": "loss", "value": "0.5"}],
        }
    },
    "api.rollback": {"version": "v1"},
    "tunings.tune": {"budget": 60.0, "trials": 3},
    "label_studio.predict": {
        "project": "1.99", "label_config": CONFIG, "tasks": [{"id": 1, "data": {"text": "hello", "n": 1}}],
        "params": {"context": {"whole": True, "result": [
            {"id": "a", "from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}
        ]}},
    },
    "label_studio.setup": {"project": "1.99", "schema": CONFIG, "hostname": "", "access_token": ""},
    "label_studio.webhook": {
        "action": "ANNOTATION_CREATED", "project": {"id": 1, "created_at": "2026-01-01T00:00:00Z"},
        "annotation": {"id": 1},
    },
    "argilla.webhook": {"type": "response.created", "data": {"record": {"dataset": {"id": DATASET}}}},
}  # fmt: skip
NUMBERS = ("1", "2", "0", "99", "2147483647", "2147483648", "9" * 30, "-1", "x", "1.5", "%00")
NAMES = (
    "mood",
    "tone/voice",
    "%00",
    "a%00b",
    "%ff%fe",
    "x" * 3000,
    "%F0%9F%91%9F",
    "..%2f..",
    "mood/train",
    "%22",
    "%",
)
UUIDS = (DATASET, "11111111-1111-4111-8111-111111111111", "0" * 36, "x")
QUERIES = (
    "", "version=v1", "version=%00", "version=" + "x" * 3000, "version=%ff", "version", "project=%00", "project=1.99",
    "project=" + "9" * 400, "%00=1", "project=a&project=b", "=&=&==", "version=%ED%A0%80", "?", "project=%F0%9F",
    "count=0", "count=-1",
    "count=" + "9" * 5000, "count=x", "count=1e3", "count=%D9%A3", "project=2147483648", "project=-1", "project=1",
)  # fmt: skip
HEADERS = {
    "Origin": ("http://[", "http://]", "null", "", "http://here", "//[::1", "http://a:b", "\xff"),
    "Host": ("here", "[", "[::1", "", "a]b", "here:x", "a" * 500, "\xff", "evil.test"),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "\xff"),
    "X-Forwarded-For": ("192.0.2.1", "x"),
    "Authorization": ("Bearer", "Basic", "Basic !!!", "Basic w6k=", "Digest a=b", "\xff", "Bearer \xff",
                      "Basic " + "A" * 5000),
    "If-None-Match": ("*", '"', 'W/"a', "\xff", '"a", "b"'),
    "Range": ("bytes=0-1", "bytes=-", "x"),
    "Content-Type": ("text/plain", "application/json; charset=x", "multipart/form-data",
                     "multipart/form-data; boundary=",
                     "application/x-www-form-urlencoded", "\xff", "application/json; charset=utf-16"),
    "Content-Encoding": ("gzip",),
    "Accept": ("*/*", "\xff"),
    "Cookie": ("a=b", "=", "\xff"),
    "Content-Length": ("-1", "x", "99999999999", "0", ""),
    "Webhook-Timestamp": ("nan", "inf", "-1e999", "1", "\xff"),
    "Webhook-Signature": ("v1,", "v1", ",", "v1,\xff", " "),
    "Webhook-Id": ("", "\xff"),
}  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MADEUP")


class Sent(NamedTuple):
    """One request."""

    endpoint: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    credentials: bool


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of a JSON value, itself included."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def replaced(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    if not path:
        return part
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], part)
    return copy


def written(value: Any) -> bytes:
    text = json.dumps(value).encode()
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name).encode(), raw)
    return text


@st.composite
def bodies(draw: st.DrawFn, endpoint: str) -> bytes:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return b""
    value = BODIES.get(endpoint, {"a": 1})
    for _ in range(draw(st.integers(0, 2))):
        value = replaced(value, draw(st.sampled_from(list(places(value)))), draw(VALUES))
    text = written(value)
    return text[: draw(st.integers(0, len(text)))] if kind == 2 else text


@st.composite
def requests(draw: st.DrawFn, routes: tuple[Rule, ...], credentials: bool) -> Sent:
    rule = draw(st.sampled_from(routes))
    path = rule.rule
    # the well-known come first: most requests should get past the address
    for name, values in (
        ("<int:number>", NUMBERS),
        ("<int:round>", NUMBERS),
        ("<path:name>", NAMES),
        ("<uuid:dataset>", UUIDS),
    ):
        if name in path:
            path = path.replace(name, draw(st.sampled_from(values)) if draw(st.integers(0, 2)) == 0 else values[0])
    own = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    method = draw(st.sampled_from(METHODS)) if draw(st.integers(0, 4)) == 0 else draw(st.sampled_from(own))
    query = draw(st.sampled_from(QUERIES)) if draw(st.integers(0, 2)) == 0 else ""
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2, unique=True)) if draw(st.booleans()) else []
    headers = {name: draw(st.sampled_from(HEADERS[name])) for name in names}
    return Sent(rule.endpoint, method, path, query, headers, draw(bodies(rule.endpoint)), credentials)


def send(client: FlaskClient, sent: Sent) -> Any:
    """As gunicorn hands a request over: bytes of the address as Latin-1, headers as they came."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "PATH_INFO": unquote_to_bytes(sent.path).decode("latin-1"),
        "QUERY_STRING": sent.query,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(sent.body)),
        "wsgi.input": io.BytesIO(sent.body),
    }
    headers = dict(sent.headers)
    if sent.credentials and sent.endpoint == "argilla.webhook":
        moment = datetime.now(UTC)
        signature = Webhook(SECRET).sign("msg", moment, sent.body.decode("utf-8", "replace"))
        stamp = str(int(moment.timestamp()))
        headers = {"Webhook-Id": "msg", "Webhook-Timestamp": stamp, "Webhook-Signature": signature} | headers
    elif sent.credentials:
        headers = {"Authorization": f"Bearer {JOB if sent.endpoint == 'api.progress' else TOKEN}"} | headers
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return client.open("/", environ_overrides=environ)


def check(sent: Sent, answer: Any) -> None:
    told = f"{sent._replace(body=sent.body[:300])!r:.1500} → {answer.status_code} {answer.text[:300]!r}"
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0, told
    else:
        assert answer.status_code < 500, told
    # what Flask itself answers to OPTIONS has that type, and no page in it
    if answer.mimetype == "text/html" and not (sent.method == "OPTIONS" and not answer.data):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], told
    elif answer.status_code >= 400 and sent.method != "HEAD":
        assert answer.is_json, told
        assert set(answer.json) == {"error"}, told
        assert set(answer.json["error"]) == {"type", "message"}, told
        assert answer.json["error"]["message"], told
    if not sent.credentials and "Authorization" not in sent.headers:
        led = answer.status_code in (302, 303) and answer.headers["Location"].split("?")[0] in ("/overview", "/sign-in")
        assert answer.status_code in (400, 401, 403, 404) or led or sent.endpoint in OPEN, told
