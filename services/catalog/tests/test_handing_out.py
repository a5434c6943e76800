"""Bytes handed out: what is closed, what is noted, and what keeps them from acting. No sockets."""

import asyncio
import io
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from catalog.archive import zip_of
from catalog.content import Disposition, Stores, content_response
from catalog.errors import Gone
from catalog.model import Document
from catalog.projection import Numbered, document_of, operations
from chassis.errors import Unavailable
from chassis.problem import Problem
from chassis.s3 import ObjectMissing
from fastapi import Response
from fastapi.responses import StreamingResponse

from tests.suites import catalog_events as events
from tests.suites.fake_records import FakeRecords
from tests.support.eventually import eventually

PDF = b"%PDF-1.7 and so on".ljust(1001)


class FakeStore:
    """What `Stores` needs of chassis' S3, with one object at each of `keys`."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.opened = self.closed = 0

    async def call(self, operation: str, *, Key: str, **_: Any) -> str:  # noqa: N803 (the client's own word)
        assert operation == "get_object"
        if Key not in self.keys:
            raise ObjectMissing("object_missing")
        self.opened += 1
        return Key

    async def chunks(self, _: str) -> AsyncGenerator[bytes, None]:
        try:
            for start in range(0, len(PDF), 100):
                yield PDF[start : start + 100]
        finally:
            self.closed += 1


class Noted:
    """What was noted as opened; raises `trouble` instead where there is one."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.documents: list[str] = []
        self.continued: list[bool] = []
        self._trouble = trouble

    async def of(self, document: Document) -> None:
        if self._trouble:
            raise self._trouble
        self.documents.append(document.id)

    def opening(self, document: Document) -> Callable[[bool], Awaitable[None]]:
        """As it is told of whether a part is asked for."""

        async def opened(continues: bool) -> None:
            await self.of(document)
            self.continued.append(continues)

        return opened


def document(number: int = 1, *, content_type: str = "application/pdf", withdrawn: bool = False) -> Document:
    records = FakeRecords()
    happened = [events.announced(number, content_type=content_type)]
    if withdrawn:
        happened.append(events.withdrawn(number, revision=1))
    for event in happened:
        records.apply(operations(Numbered(event, None)))
    return document_of(records.records[events.document_id(number)])


def stores(store: FakeStore) -> Stores:
    return Stores(staging=store, ged=store)  # type: ignore[arg-type]  # it has what is called


async def answered(
    found: Document,
    store: FakeStore,
    *,
    noted: Noted | None = None,
    disposition: Disposition = "inline",
    headers: Mapping[str, str] | None = None,
) -> Response:
    note = noted or Noted()
    return await content_response(
        found,
        stores=stores(store),
        disposition=disposition,
        headers=headers or {},
        opening=note.opening(found),
    )


async def body(answer: Response) -> bytes:
    assert isinstance(answer, StreamingResponse)
    return b"".join([bytes(chunk) async for chunk in answer.body_iterator])  # type: ignore[arg-type]  # all are bytes


async def test_the_bytes_are_given_in_whole_noted_and_closed() -> None:
    found, noted = document(), Noted()
    store = FakeStore(found.id)
    answer = await answered(found, store, noted=noted)
    assert noted.documents == [found.id]
    assert await body(answer) == PDF
    assert (store.opened, store.closed) == (1, 1)


async def test_where_the_opening_cannot_be_noted_nothing_is_given_and_the_body_is_closed() -> None:
    found = document()
    store = FakeStore(found.id)
    with pytest.raises(Unavailable):
        await answered(found, store, noted=Noted(Unavailable("mongo_unreachable")))
    assert (store.opened, store.closed) == (1, 1)


async def test_what_the_browser_has_already_is_not_sent_again() -> None:
    found, noted = document(), Noted()
    store = FakeStore(found.id)
    answer = await answered(found, store, noted=noted, headers={"if-none-match": f'"{found.sha256}"'})
    assert (answer.status_code, store.opened) == (304, 0)
    # It is looked at all the same.
    assert noted.continued == [False]


@pytest.mark.parametrize(
    ("headers", "status", "continues"),
    [
        ({}, 200, False),
        ({"range": "bytes=0-99"}, 206, True),
        ({"range": "bytes=100-"}, 206, True),
        ({"range": "nonsense"}, 200, False),
        ({"range": "bytes=0-9,20-29"}, 200, False),
        ({"range": "bytes=0-99", "if-range": '"another"'}, 200, False),
    ],
)
async def test_only_who_gets_a_part_may_be_going_on(headers: dict[str, str], status: int, continues: bool) -> None:
    found, noted = document(), Noted()
    answer = await answered(found, FakeStore(found.id), noted=noted, headers=headers)
    assert (answer.status_code, noted.continued) == (status, [continues])
    await body(answer)


async def test_what_was_withdrawn_is_gone_also_for_who_has_it() -> None:
    found = document(withdrawn=True)
    with pytest.raises(Gone):
        await answered(found, FakeStore(found.id), headers={"if-none-match": f'"{found.sha256}"'})


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("application/pdf", True),
        ("image/jpeg", True),
        ("image/png", True),
        ("text/plain", True),
        ("text/html", False),
        ("image/svg+xml", False),
        ("application/xml", False),
        ("text/csv", False),
        ("image/tiff", False),
    ],
)
async def test_only_what_cannot_act_is_shown_inline_and_all_is_in_an_origin_of_its_own(
    content_type: str, shown: bool
) -> None:
    found = document(content_type=content_type)
    answer = await answered(found, FakeStore(found.id))
    kind, disposition = answer.headers["content-type"], answer.headers["content-disposition"].partition(";")[0]
    assert (kind.partition(";")[0], disposition) == (
        (content_type, "inline") if shown else ("application/octet-stream", "attachment")
    )
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_part_beyond_the_end_is_refused_under_the_document_s_own_name() -> None:
    found = document()
    with pytest.raises(Problem) as refused:
        await answered(found, FakeStore(found.id), headers={"range": "bytes=999999999-"}, disposition="attachment")
    assert refused.value.status == 416
    assert refused.value.headers["Content-Disposition"].startswith("attachment;")
    assert refused.value.headers["Content-Range"] == f"bytes */{found.size}"


async def test_a_zip_notes_each_document_once_its_bytes_were_taken() -> None:
    chosen, noted = [document(1), document(2)], Noted()
    store = FakeStore(*(each.id for each in chosen))
    giving = Noted()
    archive = zip_of(chosen, stores=stores(store), giving=giving.of, given=noted.of)
    assert noted.documents == giving.documents == []
    content = b"".join([chunk async for chunk in _in_thread(archive)])
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert noted.documents == giving.documents == [each.id for each in chosen]
    assert (store.opened, store.closed) == (2, 2)


async def test_a_zip_that_is_broken_off_notes_nothing_and_closes_what_it_read() -> None:
    found, noted = document(), Noted()
    store = FakeStore(found.id)
    giving = Noted()
    archive: Any = zip_of([found], stores=stores(store), giving=giving.of, given=noted.of)
    pieces = _in_thread(archive)
    while store.opened == 0:
        await anext(pieces)
    await asyncio.to_thread(archive.close)
    await eventually(lambda: store.closed == 1)
    # Its bytes may have begun to leave: that is told before, and stays.
    assert (giving.documents, noted.documents) == ([found.id], [])


async def test_nothing_of_a_document_goes_into_a_zip_before_it_is_told() -> None:
    found = document()
    store = FakeStore(found.id)
    down = Noted(Unavailable("mongo_unreachable"))
    pieces = _in_thread(zip_of([found], stores=stores(store), giving=down.of, given=Noted().of))
    assert PDF[:20] not in await anext(pieces)
    with pytest.raises(Unavailable):
        await anext(pieces)
    await eventually(lambda: store.closed == 1)


async def _in_thread(archive: Any) -> AsyncGenerator[bytes, None]:
    while (chunk := await asyncio.to_thread(next, archive, None)) is not None:
        yield chunk
