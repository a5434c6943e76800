"""Both services answer what their OpenAPI documents say, whatever they are asked: statuses, types and shapes.

Requests are made up from the documents by schemathesis, good ones and bad ones, of signed-in people; where a path asks
for a document, once with an id of nothing and once with that of a document in one of its states, by whoever it is or by
whose it is.
`--hypothesis-seed` repeats them, `--hypothesis-profile=long` makes ten times as many.
"""

import asyncio
import base64
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from contracts.envelope import Envelope, envelop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import NO_FEEDBACK
from upload.mongo import COLLECTION

from contracts import events as e
from deploy.openapi import FOLDER
from tests.suites.catalog_events import at
from tests.support.catalog import CatalogProcess, Scene, archived
from tests.support.eventually import eventually
from tests.support.running import RunningStack
from tests.support.upload_replicas import UploadReplica

_STREAM = "application/offset+octet-stream"
_LIST = b"date;montant\n2026-01-31;12,00\n"
# An admin sends nothing.
_UPLOADERS = ("client", "accountant")
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
    """Where a service listens, who asks, what there is to ask for, and whose it is if one person's alone.

    Each request is made of `each` of those there are.
    """

    base: str
    tokens: dict[str, str]
    known: dict[str, list[str]]
    whose: dict[str, str] = field(default_factory=dict)
    each: int = 1
    turns: dict[str, Iterator[int]] = field(default_factory=lambda: defaultdict(itertools.count))

    def there(self, names: Iterable[str]) -> dict[str, str]:
        """Of each name that is known, one of those there are, each in turn."""
        known = {name: self.known[name] for name in names if name in self.known}
        return {name: there[next(self.turns[name]) % len(there)] for name, there in known.items()}


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
        whose = {
            each: who for _ in range(6) for who in _UPLOADERS for each in await _uploads(servers, upload, scene, who)
        }
        # Of a length that has no divisor in common with that of the documents: each meets each.
        offsets = ["0", "5", "0", "5", str(len(_LIST))]
        uploads = {"document": [*whose], "deposit": [*whose], "Upload-Offset": offsets}
        return {
            "catalog": Place(catalog.url, tokens, known),
            "upload": Place(upload.base, tokens, uploads, whose, each=4),
        }


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


async def _uploads(servers: RunningStack, upload: UploadReplica, scene: Scene, who: str) -> list[str]:
    """One in each state: open, sent in part, finished, without a verdict, refused, cancelled."""
    said = {"folder": "comptable"} if who == "client" else {"folder": "Bilan", "space": "published"}
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {scene.token(who)}"}
    async with httpx.AsyncClient(base_url=upload.base, headers=headers, timeout=30) as http:

        async def created(name: str = "releve.csv") -> str:
            metadata = {"filename": name, "client": scene.client, **said}
            encoded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
            asked = {"Upload-Length": str(len(_LIST)), "Upload-Metadata": encoded}
            # Until this replica, too, has heard of the office.
            answer = await eventually(lambda: _if_created(http, asked))
            return answer.headers["Location"].rpartition("/")[2]

        async def sent(document: str, content: bytes) -> int:
            asked = {"Upload-Offset": "0", "Content-Type": _STREAM}
            return (await http.patch(f"/uploads/{document}", content=content, headers=asked)).status_code

        fresh, part, whole, judged, refused = [await created() for _ in range(4)] + [await created("facture.pdf")]
        cancelled = await created()
        answers = [await sent(part, _LIST[:5]), await sent(whole, _LIST), await sent(judged, _LIST)]
        answers += [await sent(refused, _LIST), (await http.delete(f"/uploads/{cancelled}")).status_code]
        assert answers == [204, 204, 204, 422, 204]
    env = servers.env("upload")
    async with AsyncMongoClient[dict[str, Any]](env["UPLOAD_MONGO_URL"]) as mongo:
        # What a replica leaves that dies before the verdict; nobody takes it up.
        pending: dict[str, Any] = {"state": "assembled", "receipt": None, "sha256": None, "due": None, "owed": []}
        records = mongo[env["UPLOAD_MONGO_DATABASE"]][COLLECTION]
        assert (await records.update_one({"_id": judged, "state": "owed"}, {"$set": pending})).matched_count
    return [fresh, part, whole, judged, refused, cancelled]


async def _if_created(http: httpx.AsyncClient, asked: dict[str, str]) -> httpx.Response | None:
    answer = await http.post("/uploads", headers=asked)
    return answer if answer.status_code == 201 else None


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
        @given(case=cases, who=st.sampled_from(sorted(place.tokens)), by_owner=st.booleans())
        def ask(case: Any, who: str, by_owner: bool) -> None:
            headers = {"Authorization": f"Bearer {place.tokens[who]}"}
            case.call_and_validate(base_url=place.base, headers=headers, session=session, timeout=30)
            for _ in range(place.each if place.known.keys() & case.path_parameters.keys() else 0):
                case.path_parameters.update(place.there(case.path_parameters))
                case.headers.update(place.there(case.headers))
                owner = place.whose.get(next(iter(case.path_parameters.values())), who)
                headers = {"Authorization": f"Bearer {place.tokens[owner if by_owner else who]}"}
                case.call_and_validate(base_url=place.base, headers=headers, session=session, checks=_FITS, timeout=30)

        ask()
