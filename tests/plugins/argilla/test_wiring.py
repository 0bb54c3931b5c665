"""Wiring, where Argilla says no to a part of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla.client import Client, Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.wiring import wire
from labelwheel.plugins.connector import Service
from labelwheel.plugins.errors import ToolRefused, ToolUnreachable

SECRET = SecretStr("lwt_not-for-argilla")
SERVICE = Service(url="http://us:9090/", predict_secret=SECRET, webhook_secret=SECRET)


class Refusing(Client):
    """Answers from a table of paths; remembers what was asked to change, and with which bodies."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("http://argilla.test", SecretStr("key"))
        self.answers, self.sent, self.bodies = answers, [], []  # type: ignore[var-annotated]

    def get(self, path: str, params: Any = None) -> Any:
        return {"items": self.answers.get("listed", [])}

    def send(self, method: str, path: str, body: Any = None, params: Any = None) -> Any:
        self.sent.append((method, path))
        self.bodies.append(body)
        answer = self.answers.get(path.rpartition("/")[2].replace("-", "_"), {"id": "w", "secret": "s"})
        if isinstance(answer, Exception):
            raise answer
        return answer


def dataset(client: Client) -> Dataset:
    found = Dataset(client, "messages")
    found._id = "d"
    return found


def test_everything_is_granted() -> None:
    options = wire(dataset(Refusing()), {}, SERVICE)
    assert options == {
        "dataset": "d",
        "webhook": "w",
        "secret": SecretStr("s"),
        "address": "http://us:9090/argilla/d/webhook",
        "ordered": True,
    }


def test_no_secret_of_ours_is_sent_to_argilla() -> None:
    client = Refusing()
    wire(dataset(client), {}, SERVICE)
    assert client.bodies
    assert "lwt_" not in repr(client.bodies)


def test_a_new_secret_is_a_new_webhook() -> None:
    """Argilla makes the secret with the webhook, and never another."""
    ours = {"id": "old", "url": "http://us:9090/argilla/d/webhook", "name": "x"}
    options = {"webhook": "old", "secret": SecretStr("old secret")}
    client = Refusing(listed=[ours])
    assert wire(dataset(client), options, SERVICE)["webhook"] == "w"
    assert client.sent[0] == ("PATCH", "/webhooks/old")
    client = Refusing(listed=[ours])
    assert wire(dataset(client), options, SERVICE.model_copy(update={"renew": True}))["secret"] == SecretStr("s")
    assert client.sent[:2] == [("DELETE", "/webhooks/old"), ("POST", "/webhooks")]


@pytest.mark.parametrize(
    "error",
    [ToolRefused("only owners"), Rejected("POST /webhooks: You can't create more than 10 webhooks.")],
)
def test_without_a_webhook_there_is_polling(error: Exception) -> None:
    options = wire(dataset(Refusing(webhooks=error)), {}, SERVICE)
    assert (options["webhook"], options["secret"], options["ordered"]) == (None, None, True)


def test_an_address_that_argilla_does_not_take_is_told() -> None:
    with pytest.raises(Rejected, match="url_parsing"):
        wire(dataset(Refusing(webhooks=Rejected("POST /webhooks: url_parsing"))), {}, SERVICE)


def test_without_a_property_there_is_no_order() -> None:
    refused = ToolRefused("not permitted")
    assert wire(dataset(Refusing(metadata_properties=refused)), {}, SERVICE)["ordered"] is False
    taken = [{"name": "labelwheel_rank", "settings": {"type": "terms"}, "id": "p", "url": "elsewhere"}]
    assert wire(dataset(Refusing(listed=taken)), {}, SERVICE)["ordered"] is False


def test_nothing_half_wired_is_left() -> None:
    client = Refusing(metadata_properties=ToolUnreachable("away"))
    with pytest.raises(ToolUnreachable):
        wire(dataset(client), {}, SERVICE)
    assert client.sent[-1] == ("DELETE", "/webhooks/w")
