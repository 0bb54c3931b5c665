"""Asks an endpoint: within a budget, a deadline and so many requests at once, and never twice the same.

The address is the operator's own, and is trusted; no redirect is followed, as it would take texts and key elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, cast

from labelwheel.training.errors import BudgetReached, LanguageModelFailed, MissingExtra
from labelwheel.training.language.account import Account, Spent
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.language.prompt import Message

REPLY, WORDS = 256, 1024
"""Tokens of an answer, and of one in free words; a longer one is cut off, and so is none."""
HEAT = 0.7
"""The temperature of further samples of an answer; the first has none."""
FIRST_PAUSE, LAST_PAUSE = 0.5, 8.0
_FRAME = 8  # tokens around a message


class Reply(NamedTuple):
    """What the model wrote, and the probability of all of that; None where the endpoint does not say."""

    text: str
    sure: float | None


class Client:
    """One endpoint's. Any thread may ask."""

    def __init__(self, model: LanguageModel) -> None:
        try:
            import openai
        except ImportError:
            raise MissingExtra("language models need one more package: pip install 'labelwheel[llm]'") from None
        self._openai, self.model = openai, model
        self.account = Account(model.folder)
        self.pool = ThreadPoolExecutor(model.concurrency, "language model")
        self._turns = threading.Semaphore(model.concurrency)
        self._shaped, self._weighed = True, True
        self._client = openai.OpenAI(
            base_url=model.url, api_key=model.key, max_retries=0,
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )  # fmt: skip

    def ask(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any],
        project: str,
        most: int = REPLY,
        sample: int = 0,
        seconds: float | None = None,
    ) -> Reply:
        """The model's answer of up to `most` tokens, maybe one that it gave before; from `sample` 1 on, another one.

        It has so many `seconds`, or those of the settings. Raises BudgetReached, LanguageModelFailed.
        """
        name = _name(self.model, messages, schema, sample)
        if known := self.account.known(name):
            return Reply(*known)
        deadline, pause = time.monotonic() + (self.model.seconds if seconds is None else seconds), FIRST_PAUSE
        while True:
            try:
                with self._turns:
                    reply = self._once(messages, schema, project, deadline, most, HEAT if sample else 0.0)
            except _Again as again:
                rest = again.seconds if again.seconds is not None else pause
                if time.monotonic() + rest >= deadline:
                    raise LanguageModelFailed(f"{self.model.place} {again}; it is asked again later") from None
                time.sleep(rest)
                pause = min(LAST_PAUSE, 2 * pause)
                continue
            self.account.keep(name, reply.text, reply.sure)
            return reply

    def _once(
        self, messages: Sequence[Message], schema: dict[str, Any], project: str, deadline: float, most: int, heat: float
    ) -> Reply:
        openai, model, account = self._openai, self.model, self.account
        extras = self._extras(schema)
        left = deadline - time.monotonic()
        if left <= 0:
            raise LanguageModelFailed(f"{model.place} did not answer within {model.seconds:g} s")
        # a token has a byte at least: so much it costs at most, and the budget holds however many ask at once
        dearest = model.money(sum(len(each["content"].encode()) + _FRAME for each in messages), most)
        reserved = account.reserve(project, dearest, model.budget)
        if reserved is None:
            raise BudgetReached(
                f"the budget of {model.budget:g} a day for language models is spent; it goes on after midnight, UTC, "
                "or with a larger LABELWHEEL_LLM_BUDGET"
            )
        spent = Spent(requests=1, money=dearest)  # whoever does not say what it cost may have taken it all
        try:
            found = self._client.chat.completions.create(
                model=model.model, messages=cast("Any", list(messages)), max_tokens=most, temperature=heat,
                timeout=left,
                **extras,
            )  # fmt: skip
            choice = found.choices[0]
            text, used = choice.message.content, found.usage
            if used is not None:
                tokens = used.prompt_tokens, used.completion_tokens
                spent = Spent(1, *tokens, model.money(*tokens))
            if not isinstance(text, str):
                raise LanguageModelFailed(f"{model.place} answered without a text")
            return Reply(text, _sure(choice))
        except openai.APITimeoutError:
            raise LanguageModelFailed(f"{model.place} did not answer within {model.seconds:g} s") from None
        except openai.APIConnectionError as error:
            spent = Spent(requests=1)
            raise _Again(f"cannot be reached ({type(error.__cause__).__name__})") from None
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            spent = Spent(requests=1)
            self._plainer(error, extras)
            raise _Again("refuses the shape of requests", 0.0) from None
        except openai.APIStatusError as error:
            spent = Spent(requests=1)
            if error.status_code == 429 or error.status_code >= 500:
                raise _Again(f"answers {error.status_code}", _after(error)) from None
            raise LanguageModelFailed(
                f"{model.place} answers {error.status_code}; see LABELWHEEL_LLM_URL, _MODEL and _KEY"
            ) from None
        except (openai.APIError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise LanguageModelFailed(f"{model.place} answers what is no answer ({type(error).__name__})") from None
        finally:
            account.settle(project, reserved, spent)

    def _extras(self, schema: dict[str, Any]) -> dict[str, Any]:
        shape = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
        return ({"response_format": shape} if self._shaped else {}) | ({"logprobs": True} if self._weighed else {})

    def _plainer(self, error: Any, sent: Collection[str]) -> None:
        """An endpoint that knows no schemas, or no probabilities, is asked without: first the one, then the other.

        By what was `sent`: several requests may be refused at once for the same.
        """
        if "logprobs" in sent:
            self._weighed = False
        elif sent:
            self._shaped = False
        else:
            raise LanguageModelFailed(
                f"{self.model.place} refuses requests ({error!s:.200}); see LABELWHEEL_LLM_MODEL"
            ) from None


class _Again(Exception):
    """It may answer later: after so many seconds where it says so."""

    def __init__(self, said: str, seconds: float | None = None) -> None:
        super().__init__(said)
        self.seconds = seconds


@lru_cache(maxsize=4)
def of(model: LanguageModel) -> Client:
    """This process's client of a model: all questions share its turns. Raises MissingExtra, LanguageModelFailed."""
    return Client(model)


def _name(model: LanguageModel, messages: Sequence[Message], schema: dict[str, Any], sample: int) -> str:
    asked = [model.url, model.model, list(messages), schema, *([sample] if sample else [])]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _sure(choice: Any) -> float | None:
    tokens = getattr(getattr(choice, "logprobs", None), "content", None)
    if not tokens:
        return None
    found = math.exp(min(0.0, sum(float(each.logprob) for each in tokens)))
    return found if math.isfinite(found) else None


def _after(error: Any) -> float | None:
    try:
        found = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return found if 0 <= found < 3600 else None
