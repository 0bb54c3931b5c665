"""Argilla's server on an OpenSearch-compatible engine in memory; run by the Python of `.venv-argilla`, never imported.

    python testkit/argilla_engine.py start --host 127.0.0.1 --port 6900

osmem knows all that Argilla asks of OpenSearch except scripted updates, by which responses are indexed, and kNN. Both
are done here instead, through the server's own hook for engines; the server itself is as it comes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable
from typing import Any

from argilla_server.cli import app
from argilla_server.search_engine.base import SearchEngine
from argilla_server.search_engine.commons import (
    es_bool_query,
    es_field_for_vector_settings,
    es_ids_query,
    es_index_name_for_dataset,
)
from argilla_server.search_engine.opensearch import OpenSearchEngine
from fastapi.encoders import jsonable_encoder
from opensearchpy.exceptions import ConflictError

ATTEMPTS = 20
MOST = 10_000


@SearchEngine.register(engine_name="osmem")
@dataclasses.dataclass
class InMemoryEngine(OpenSearchEngine):
    """OpenSearch without its scripts: a document is read, changed and written back unless somebody was faster."""

    async def update_record_response(self, response: Any) -> None:
        said = jsonable_encoder(self._map_record_response_to_es(response))

        def put(document: dict[str, Any]) -> None:
            others = [each for each in document.get("responses") or [] if each["id"] != said["id"]]
            document["responses"] = [*others, said]

        await self._change(response.record, put)

    async def delete_record_response(self, response: Any) -> None:
        def take(document: dict[str, Any]) -> None:
            kept = [each for each in document.get("responses") or [] if each["id"] != str(response.id)]
            document["responses"] = kept

        await self._change(response.record, take)

    async def delete_record_suggestion(self, suggestion: Any) -> None:
        def take(document: dict[str, Any]) -> None:
            (document.get("suggestions") or {}).pop(suggestion.question.name, None)

        await self._change(suggestion.record, take)

    async def _change(self, record: Any, change: Callable[[dict[str, Any]], None]) -> None:
        index, key = es_index_name_for_dataset(record.dataset), str(record.id)
        for attempt in range(ATTEMPTS):
            found = await self.client.get(index=index, id=key)
            change(found["_source"])
            seen = {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
            try:
                await self.client.index(index=index, id=key, body=found["_source"], refresh=True, **seen)
            except ConflictError:
                await asyncio.sleep(0.01 * (attempt + 1))
            else:
                return
        raise RuntimeError(f"record {key} changed {ATTEMPTS} times while it was indexed")

    async def _request_similarity_search(
        self,
        index: str,
        vector_settings: Any,
        value: list[float],
        k: int,
        excluded_id: Any = None,
        query_filters: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        field = es_field_for_vector_settings(vector_settings)
        without = [es_ids_query([str(excluded_id)])] if excluded_id else None
        query = es_bool_query(must=[{"match_all": {}}, *(query_filters or [])], must_not=without)
        found = await self.client.search(index=index, body={"query": query, "_source": [field]}, size=MOST)
        name = field.split(".", 1)[1]
        vectors = ((hit["_id"], (hit["_source"].get("vectors") or {}).get(name)) for hit in found["hits"]["hits"])
        hits = [{"_id": key, "_score": (1 + _cosine(value, vector)) / 2} for key, vector in vectors if vector]
        hits.sort(key=lambda hit: -hit["_score"])
        return {"hits": {"hits": hits[:k], "total": {"value": len(hits)}}}


def _cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


if __name__ == "__main__":
    app()
