"""Every panel of the dashboards, asked of a Prometheus that has seen each thing happen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from deploy.observability.dashboards import dashboards, text

from .prometheus import Prometheus

# What Grafana puts in place of its variables where all installations are chosen.
_CHOSEN = {"$__rate_interval": "5m", "$namespace": ".*"}


async def unanswered(prometheus: Prometheus, http: httpx.AsyncClient) -> list[str]:
    """The queries to which it has no answer. Raises httpx.HTTPStatusError for one that is none."""
    return [f"{panel}: no answer to {query}" for panel, query in _queries() if not await prometheus.query(query, http)]


def _queries() -> Iterator[tuple[str, str]]:
    for name, dashboard in dashboards().items():
        written: dict[str, Any] = json.loads(text(dashboard))
        for panel in written["panels"]:
            for target in panel["targets"]:
                query: str = target["expr"]
                for variable, value in _CHOSEN.items():
                    query = query.replace(variable, value)
                yield f"{name}, {panel['title']}", query
