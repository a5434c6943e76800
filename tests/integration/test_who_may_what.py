"""Who may what, route by route, as `who_may_what.md` says: asked of both services as they run."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import catalog.main
import httpx
import pytest
import pytest_asyncio
import upload.main
from catalog.settings import CatalogSettings
from chassis.health import health_routes
from chassis.service import Parts
from contracts.envelope import envelop
from fastapi.routing import APIRoute
from upload.settings import UploadSettings

from contracts import events as e
from tests.suites.catalog_events import at
from tests.support.cast import ASKERS, Cast
from tests.support.catalog import CatalogProcess, archived
from tests.support.eventually import eventually
from tests.support.intake import said
from tests.support.running import RunningStack
from tests.support.upload_replicas import UploadReplica
from tests.support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
TABLE = Path(__file__).with_name("who_may_what.md")
_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
_STREAM = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
# Stands in the name and the content of whatever a row is about: nobody else may ever read it.
SECRET = "confidentiel"
_WHY = f'json {{"reason": "{SECRET}"}}'
_OF_THE_OFFICE = ("published", "publication")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    service: str
    method: str
    path: str
    about: str
    sends: str
    does: bool
    cells: Mapping[str, str]

    @property
    def best(self) -> str:
        """Whoever gets the furthest: what they lack, nobody can have."""
        return min(ASKERS, key=lambda who: _status(self.cells[who]) if self.cells[who] != "-" else 999)

    def __str__(self) -> str:
        return "-".join(filter(None, (self.service, self.method, self.path, self.about, self.sends.split(" {")[0])))


def _rows() -> list[Row]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    header, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    cells = (dict(zip(header, line, strict=True)) for line in body)
    return [
        Row(**{name: each.pop(name) for name in header[:5]}, does=each.pop("does") == "yes", cells=each)
        for each in cells
    ]


def _status(cell: str) -> int:
    return 303 if cell == "login" else int(cell)


def _cell(answer: httpx.Response) -> str:
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?")
    return "login" if to_login else str(answer.status_code)


@dataclass
class Stage:
    """Both services, everybody who asks, and what they ask for."""

    cast: Cast
    http: httpx.AsyncClient
    bases: Mapping[str, str]
    origin: str
    world: World

    async def ask(
        self, row: Row, place: Mapping[str, str], *, token: str = "", cookie: str = "", origin: str = ""
    ) -> httpx.Response:
        """One request as the row has it. The answer's body was read, unless it has no end."""
        path, sent = _filled(row.path, place), _filled(row.sends, place)
        headers, content = _body(sent, place)
        headers |= {"Tus-Resumable": "1.0.0", "Origin": origin or self.origin}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Cookie": f"connect_session={cookie}"} if cookie else {}
        request = self.http.build_request(row.method, self.bases[row.service] + path, headers=headers, content=content)
        answer = await self.http.send(request, stream=True)
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            await answer.aread()
        await answer.aclose()
        return answer

    async def place(self, row: Row) -> dict[str, str]:
        """What the row's placeholders are, made for it."""
        place = {
            "client": self.cast.client,
            "office": self.cast.office,
            "sub:path": f"adviser-{self.cast.office}",
            "version": "any",
            "name": "icon.svg",
            "deposit": str(uuid.uuid4()),
        }
        if row.about == "buried":
            await self.cast.bury(self.cast.announced(name=f"{SECRET}.txt"))
            return place
        state, _, what = row.about.rpartition(" ")
        if not what:
            return place
        listed = what in ("deposit", "published")
        document = await (self._listed(what, state) if listed else self._uploaded(what, state, place))
        if state in ("withdrawn", "erased"):
            await self._withdrawn(document, by="adviser" if what in _OF_THE_OFFICE else "owner")
        if state == "erased":
            await self._erased(document, what)
        return place | {"document": document}

    async def known(self) -> None:
        """Wait until both services have heard of everybody."""
        for method, url in (("HEAD", f"{self.bases['upload']}/uploads/x"), ("GET", f"{self.bases['catalog']}/api/me")):

            async def asked(who: str, token: str, method: str = method, url: str = url) -> int:
                headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
                return (await self.http.request(method, url, headers=headers)).status_code

            await eventually(partial(self.cast.known, asked))

    async def _listed(self, what: str, state: str) -> str:
        space = {"space": "published", "folder": "Bilan"} if what in _OF_THE_OFFICE else {}
        content = f"{SECRET} content".encode()
        event = self.cast.announced(name=f"{SECRET}.txt", size=len(content), **space)
        document: str = event.data.document
        if state == "troubled":
            trouble = {"code": "store_unavailable", "retrying": True, "attempt": 1, "since": at(5)}
            failed = e.TransferFailed.model_validate({**self._facts(document, what), **trouble})
            await self.cast.tell(event, envelop(failed))
        else:
            self.cast.put("ged", f"{self.cast.office}/{self.cast.client}/{document}", content)
            await self.cast.tell(event, archived(event))
        async with self.cast.browser("owner") as http:
            await self.cast.shown(http, event, "deposited" if state == "troubled" else "archived")
            if state == "troubled":

                async def in_trouble() -> bool:
                    return bool((await http.get(f"/api/documents/{document}")).json()["trouble"])

                await eventually(in_trouble)
        return document

    async def _uploaded(self, what: str, state: str, place: Mapping[str, str]) -> str:
        who, sends = ("adviser", "publication") if what in _OF_THE_OFFICE else ("owner", "deposit")
        creating = Row("upload", "POST", "/uploads", "", sends, True, {})
        created = await self.ask(creating, place, token=self.cast.token(who))
        assert created.status_code == 201, created.text
        document: str = created.headers["location"].rpartition("/")[2]
        if state:
            for half in ("bytes", "rest"):
                sending = Row("upload", "PATCH", f"/uploads/{document}", "", half, True, {})
                sent = await self.ask(sending, place, token=self.cast.token(who))
                assert sent.status_code == 204, sent.text
        return document

    async def _withdrawn(self, document: str, *, by: str) -> None:
        withdrawing = Row("catalog", "DELETE", f"/api/documents/{document}", "", _WHY, True, {})

        async def is_done() -> bool:
            return (await self.ask(withdrawing, {}, token=self.cast.token(by))).status_code == 200

        await eventually(is_done, within=40)

    async def _erased(self, document: str, what: str) -> None:
        """Say so in the mover's place."""
        event = envelop(e.Erased.model_validate({**self._facts(document, what), "erased_at": datetime.now(UTC)}))
        await self.cast.tell(event)
        async with self.cast.browser("owner") as http:
            await self.cast.shown(http, event, "erased")

    def _facts(self, document: str, what: str) -> dict[str, str]:
        space = "published" if what in _OF_THE_OFFICE else "deposits"
        return {"document": document, "office": self.cast.office, "client": self.cast.client, "space": space}


def _filled(text: str, place: Mapping[str, str]) -> str:
    for name, value in place.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _body(sends: str, place: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    kind, _, rest = sends.partition(" ")
    if kind in ("deposit", "publication"):
        space = {"space": "published", "folder": "Bilan"} if kind == "publication" else {}
        known = {"filename": f"{SECRET}.txt", "client": place["client"], "deposit": place["deposit"], **space}
        return {"Upload-Length": "10", "Upload-Metadata": said(**known)}, b""
    known_kinds: dict[str, tuple[dict[str, str], bytes]] = {
        "": ({}, b""),
        "json": ({"Content-Type": "application/json"}, rest.encode()),
        "form": ({"Content-Type": "application/x-www-form-urlencoded"}, rest.encode()),
        "bytes": (dict(_STREAM), b"01234"),
        "rest": (_STREAM | {"Upload-Offset": "5"}, b"56789"),
        "override": (_STREAM | {"X-HTTP-Method-Override": rest}, b"01234" if rest == "PATCH" else b""),
    }
    return known_kinds[kind]


@pytest.fixture(scope="module")
def services(
    servers: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CatalogProcess, UploadReplica]]:
    folder = tmp_path_factory.mktemp("services")
    with CatalogProcess(servers.env("catalog"), log=folder / "catalog.log") as catalog_process:
        settings = {
            "UPLOAD_AUTH__JWKS_URL": f"{catalog_process.url}/.well-known/jwks.json",
            "UPLOAD_SCRATCH_DIR": str(folder / "scratch"),
            "UPLOAD_SCANNER": "none",
        }
        env = {**servers.env("upload"), **settings}
        with UploadReplica(env, log=folder / "upload.log") as upload_process:
            asyncio.run(catalog_process.ready())
            yield catalog_process, upload_process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(servers: RunningStack, services: tuple[CatalogProcess, UploadReplica]) -> AsyncIterator[Stage]:
    catalog_process, upload_process = services
    bases = {"catalog": catalog_process.url, "upload": upload_process.base}
    async with (
        Cast(servers.endpoints, catalog_process) as cast,
        httpx.AsyncClient(timeout=20) as http,
        World(servers.endpoints) as world,
    ):
        made = Stage(cast, http, bases, catalog_process.env["CATALOG_PUBLIC_URL"], world)
        await made.known()
        # What other tests have left in the stream is listed before one of ours is.
        await made.place(Row("catalog", "GET", "/api/documents/{document}", "deposit", "", False, {}))
        yield made


async def test_every_route_has_its_row(servers: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are those of the composition roots, as the processes have them."""
    for name, value in {**servers.env("upload"), **servers.env("catalog")}.items():
        monkeypatch.setitem(os.environ, name, value)
    served: set[tuple[str, str, str]] = set()
    async with AsyncExitStack() as stack:
        parts: dict[str, Parts] = {
            "upload": await upload.main.compose(UploadSettings(), stack),
            "catalog": await catalog.main.compose(stack, settings=CatalogSettings()),
        }
        for service, part in parts.items():
            for router in (*part.routers, health_routes(part.checks, asyncio.Event())):
                for route in router.routes:
                    assert isinstance(route, APIRoute)
                    assert route.methods
                    served |= {(service, method, route.path) for method in route.methods}
    assert served == {(row.service, row.method, row.path.partition("?")[0]) for row in _rows()}


@pytest.mark.parametrize("row", _rows(), ids=str)
async def test_each_asker_gets_what_is_theirs_and_nothing_else(stage: Stage, row: Row) -> None:
    place = await stage.place(row)
    before = await stage.world.settled()
    await _nobody_gets_in(stage, row, place)
    let_in: dict[str, str] = {}
    for who in ASKERS:
        if row.cells[who] == "-":
            continue
        if _status(row.cells[who]) not in (401, 403, 404):
            let_in[who] = row.cells[who]
        else:
            await _is_refused(stage, row, place, who=who)
    assert await stage.world.held() == before, "a refused request has changed something"
    for who, cell in let_in.items():
        answer = await stage.ask(row, place, token=stage.cast.token(who))
        assert _cell(answer) == cell, (who, answer.text)
        if who not in ("owner", "adviser") and answer.is_stream_consumed:
            assert SECRET not in answer.text, who
    assert (await stage.world.settled() != before) == row.does
    if row.method == "PUT" and let_in:
        await stage.cast.restore()
        await stage.known()


async def test_an_account_of_the_same_id_in_another_office_is_another_account(stage: Stage) -> None:
    row = Row("catalog", "GET", "/api/documents/{document}/content", "deposit", "", False, {})
    place = await stage.place(row)
    listing = Row("catalog", "GET", "/api/documents?client={client}", "deposit", "", False, {})
    token = stage.cast.token("namesake")
    assert (await stage.ask(row, place, token=token)).status_code == 404
    listed = await stage.ask(listing, place, token=token)
    assert (listed.status_code, listed.json()["documents"]) == (200, [])
    assert (await stage.ask(row, place, token=stage.cast.token("owner"))).status_code == 200


def _readers(row: Row) -> Sequence[str]:
    """Who may read what a row is about: what its office has withdrawn may never have been meant for this client."""
    return ("adviser",) if row.about in ("withdrawn published", "erased published") else ("owner", "adviser")


async def _nobody_gets_in(stage: Stage, row: Row, place: Mapping[str, str]) -> None:
    for wrong, token in stage.cast.unproven(row.best):
        answer = await stage.ask(row, place, token=token)
        assert _cell(answer) == row.cells["nobody"], (wrong, answer.text)
        assert SECRET not in answer.text, wrong
    if row.method in _UNSAFE:
        cookie = stage.cast.token(row.best)
        foreign = await stage.ask(row, place, cookie=cookie, origin="https://evil.example")
        assert foreign.status_code == 403, foreign.text


async def _is_refused(stage: Stage, row: Row, place: Mapping[str, str], *, who: str) -> None:
    answer = await stage.ask(row, place, token=stage.cast.token(who))
    assert _cell(answer) == row.cells[who], (who, answer.text)
    assert SECRET not in answer.text, who
    if answer.status_code == 404:
        # What isn't theirs is what isn't there: no answer tells which.
        nowhere = {name: str(uuid.uuid4()) for name in ("document", "deposit", "client", "office", "sub:path")}
        absent = await stage.ask(row, {**place, **nowhere}, token=stage.cast.token(who))
        assert (absent.status_code, absent.content) == (answer.status_code, answer.content), who
