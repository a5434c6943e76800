"""Both services answer what their OpenAPI documents say, whatever they are asked: statuses, types and shapes.

Requests are made up from the documents by schemathesis, good ones and bad ones, of signed-in people; where a path asks
for a document, once with an id of nothing and once with that of a document in one of its states.
`--hypothesis-seed` repeats them, `--hypothesis-profile=long` makes ten times as many.
"""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from contracts.envelope import Envelope, envelop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import NO_FEEDBACK

from contracts import events as e
from deploy.openapi import FOLDER
from tests.suites.catalog_events import at
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.running import RunningStack
from tests.support.upload_replicas import UploadReplica

_STREAM = "application/offset+octet-stream"
_CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            # By default without what a protocol asks for before anything else, and what is known to be of no use.
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 423, 429]
            },
            # What is good metadata, a cursor that was given out, or an address, no schema says to the last letter.
            "positive_data_acceptance": {"enabled": False},
        }
    }
)
# An answer without end is no answer to look at whole.
_ENDLESS = "GET /api/live"
schemathesis.openapi.media_type(_STREAM, st.binary(max_size=200))


@dataclass
class Place:
    """Where a service listens, who asks, and what there is to ask for."""

    base: str
    tokens: dict[str, str]
    known: dict[str, list[str]] = field(default_factory=dict)
    turn: Iterator[int] = field(default_factory=itertools.count)

    def there(self, name: str) -> str | None:
        """One of those there are, each in turn."""
        known = self.known.get(name)
        return known[next(self.turn) % len(known)] if known else None


def _operations(service: str) -> dict[str, Any]:
    schema = schemathesis.openapi.from_path(FOLDER / f"{service}.json", config=_CONFIG)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return {each.label: each for each in found if each.label != _ENDLESS}


OPERATIONS = {service: _operations(service) for service in ("catalog", "upload")}
EVERY = [pytest.param(service, label, id=label) for service, each in OPERATIONS.items() for label in each]
_FITS = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]


@pytest.fixture(scope="module")
def places(servers: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """Both services."""
    folder = tmp_path_factory.mktemp("openapi")
    with CatalogProcess(servers.env("catalog"), log=folder / "catalog.log") as catalog:
        changed = {
            "UPLOAD_AUTH__JWKS_URL": f"{catalog.url}/.well-known/jwks.json",
            "UPLOAD_SCRATCH_DIR": str(folder / "scratch"),
            "UPLOAD_SCANNER": "none",
            "UPLOAD_LIMITS__PERSON__REQUESTS": "none",
            "UPLOAD_LIMITS__PERSON__BYTES_A_DAY": "none",
            "UPLOAD_LIMITS__ADDRESS__BYTES_A_DAY": "none",
        }
        with UploadReplica({**servers.env("upload"), **changed}, log=folder / "upload.log") as upload:
            yield asyncio.run(_set_up(servers, catalog, upload))


async def _set_up(servers: RunningStack, catalog: CatalogProcess, upload: UploadReplica) -> dict[str, Place]:
    await catalog.ready()
    async with Scene(servers.endpoints, catalog) as scene:
        documents = [document for _ in range(6) for document in await _documents(scene)]
        tokens = {who: scene.token(who) for who in ("client", "accountant", "admin")}
        known = {"document": documents, "office": [scene.office], "client": [scene.client], "sub": ["somebody"]}
        uploads = Place(upload.base, {"client": tokens["client"]})
        return {"catalog": Place(catalog.url, tokens, known), "upload": uploads}


async def _documents(scene: Scene) -> list[str]:
    """One in each state."""
    fresh, there, troubled = scene.announced(), scene.announced(size=10), scene.announced()
    published = scene.announced(size=10, space="published", folder="Bilan")
    for each in (there, published):
        scene.put("ged", f"{scene.office}/{scene.client}/{each.data.document}", b"0123456789")
    await scene.tell(fresh, there, archived(there), published, archived(published), troubled, _failed(troubled))
    await scene.bury(troubled)
    async with scene.browser("client") as http:
        for each in (fresh, troubled):
            await scene.shown(http, each)
        for each in (there, published):
            await scene.shown(http, each, "archived")
    return [each.data.document for each in (fresh, there, troubled, published)]


def _failed(event: Envelope) -> Envelope:
    data = event.data
    facts = {"document": data.document, "office": data.office, "client": data.client.id}
    trouble = {"code": "store_unavailable", "retrying": True, "attempt": 1, "since": at(5)}
    return envelop(e.TransferFailed.model_validate({**facts, **trouble}))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("service", "label"), EVERY)
def test_answers_are_as_described(places: dict[str, Place], service: str, label: str) -> None:
    place, operation = places[service], OPERATIONS[service][label]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode, feedback=NO_FEEDBACK) for mode in modes))

    with requests.Session() as session:

        @settings(
            max_examples=settings().max_examples // 8,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, who=st.sampled_from(sorted(place.tokens)))
        def ask(case: Any, who: str) -> None:
            headers = {"Authorization": f"Bearer {place.tokens[who]}"}
            case.call_and_validate(base_url=place.base, headers=headers, session=session, timeout=30)
            there = {name: known for name in case.path_parameters if (known := place.there(name))}
            if there:
                case.path_parameters.update(there)
                case.call_and_validate(base_url=place.base, headers=headers, session=session, checks=_FITS, timeout=30)

        ask()
