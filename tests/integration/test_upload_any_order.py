"""Whatever a client does with an upload, in any order and at either of two replicas, no acknowledged byte is lost.

Hypothesis makes the stories up: `--hypothesis-seed` repeats them, `--hypothesis-profile=long` tells ten times as many.
"""

import asyncio
import base64
import hashlib
import http.client
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import nats
import pytest
from contracts.streams import DOCUMENTS
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pymongo import MongoClient

from tests.support.eventually import eventually
from tests.support.intake import MIB, STREAM, Intake, headers, path_of, said, sha256_in_staging
from tests.support.running import RunningStack
from tests.support.samples import invoice

_PART = 8 * MIB
# Less than a part, a part to the byte, and more than two: each is stored in a way of its own.
SIZES = (1_000, 70_001, _PART, 2 * _PART + 12_345)
FILES = {size: invoice(f"{size}.pdf", size=size, seed=size) for size in SIZES}
PIECES = st.sampled_from([1, 999, 65_536, MIB, _PART - 1, _PART, _PART + 1, 3 * _PART])
REPLICAS = st.integers(0, 1)
# A busy machine may take its time for a verdict, and a lease that nobody uses is free after five seconds.
_PATIENCE = 60


@pytest.fixture(scope="module")
def intake_settings() -> dict[str, str]:
    """Scanning is slow and proven elsewhere; what no person could do in a minute is meant."""
    limits = {f"UPLOAD_LIMITS__PERSON__{name}": "none" for name in ("REQUESTS", "BYTES_A_DAY")}
    return {"UPLOAD_SCANNER": "none", "UPLOAD_LIMITS__ADDRESS__BYTES_A_DAY": "none", **limits}


@dataclass
class Stage:
    """Where the stories take place, and the documents that they ended with."""

    intake: Intake
    records: Any
    finished: list[str] = field(default_factory=list)


class Client(RuleBasedStateMachine):
    """One file's upload.

    At least `known` bytes of it are there, for the service has said so; at most `sent`, for no more ever left. While it
    is `loose`, a line was cut: what is there lies in between, and may still grow.
    """

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.web = httpx.Client(timeout=60)
        self.ended = self.done = self.loose = False

    @initialize(size=st.sampled_from(SIZES), first=st.sampled_from([0, 1, 65_536, 3 * _PART]), at=REPLICAS)
    def create(self, size: int, first: int, at: int) -> None:
        self.file = FILES[size]
        self.told = said(filename=self.file.name, file=str(uuid.uuid4()), deposit=str(uuid.uuid4()))
        content = self.file.content[:first]
        answer = self._created(at, content)
        self.path = path_of(answer)
        self.id = self.path.rpartition("/")[2]
        self.known = self.sent = len(content)
        assert answer.headers["Upload-Offset"] == str(self.known)
        self._note_end()

    @rule(at=REPLICAS)
    def create_again(self, at: int) -> None:
        """The answer was lost on its way: the same file of the same deposit is the same upload."""
        answer = self._created(at, b"")
        if self.ended:
            assert answer.status_code == 201
        else:
            assert path_of(answer) == self.path

    @rule(at=REPLICAS, size=PIECES, algorithm=st.sampled_from(["", "sha1", "sha256"]))
    def send(self, at: int, size: int, algorithm: str) -> None:
        self._send(at, size, algorithm)

    @precondition(lambda self: not self.ended)
    @rule(at=REPLICAS, size=PIECES, algorithm=st.sampled_from(["sha1", "sha256"]))
    def send_other_than_the_checksum_says(self, at: int, size: int, algorithm: str) -> None:
        offset = self._settled()
        if offset == self.file.size:
            return
        piece = self.file.content[offset : offset + size]
        answer = self._patch(at, offset, piece, _checksum(algorithm, piece + b"!"))
        assert answer.status_code == 460, answer.text
        assert self._offset(1 - at) == offset

    @precondition(lambda self: not self.ended)
    @rule(at=REPLICAS, by=st.sampled_from([-_PART, -1, 1, _PART]), size=PIECES)
    def send_at_a_wrong_offset(self, at: int, by: int, size: int) -> None:
        offset = self._settled()
        if not offset + by >= 0:
            return
        answer = self._patch(at, offset + by, self.file.content[:size])
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch"), answer.text
        assert self._offset(1 - at) == offset

    @precondition(lambda self: not (self.ended or self.done))
    @rule(at=REPLICAS, size=PIECES, share=st.sampled_from([0.0, 0.3, 0.99]))
    def have_the_line_cut(self, at: int, size: int, share: float) -> None:
        offset, before = self._settled(), self._record()["epoch"]
        piece = self.file.content[offset : offset + size]
        until = int(len(piece) * share)
        if not self.done:
            self._send_cut(at, offset, piece, until)
            self.sent, self.loose = max(self.sent, offset + until), True
            # It has begun; when it ends, nobody knows.
            asyncio.run(eventually(lambda: self._record()["epoch"] > before, within=_PATIENCE))

    @precondition(lambda self: not (self.ended or self.done))
    @rule(size=PIECES)
    def send_to_both_at_once(self, size: int) -> None:
        offset = self._offset(0)
        if offset is None:
            return
        piece = self.file.content[offset : offset + size]
        self.sent = max(self.sent, offset + len(piece))
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda at: self._patch(at, offset, piece), (0, 1)))
        for answer in answers:
            assert answer.status_code in (204, 409, 423, 503), answer.text
            if answer.status_code == 204:
                self._acknowledged(answer)

    @precondition(lambda self: not self.ended)
    @rule(at=REPLICAS)
    def give_up(self, at: int) -> None:
        offset = self._settled()
        answer = self.web.delete(self._at(at), headers=headers(self.stage.intake))
        if offset == self.file.size:
            assert answer.status_code == 409, answer.text
            return
        assert answer.status_code == 204, answer.text
        self.ended = True

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        """At either replica alike."""
        for at in (0, 1):
            self._offset(at)

    def teardown(self) -> None:
        try:
            if not hasattr(self, "path"):
                return
            if self.ended:
                assert self._told_to_all() == ["connect.v1.documents.abandoned.14"]
                return
            while self._settled() < self.file.size:
                self._send(0, 3 * _PART, "sha256")
            assert self._told_to_all() == ["connect.v1.documents.deposited.14"]
            assert self._record()["sha256"] == self.file.sha256
            assert sha256_in_staging(self.stage.intake, self.id) == self.file.sha256
            self.stage.finished.append(self.id)
        finally:
            self.web.close()

    def _send_cut(self, at: int, offset: int, piece: bytes, until: int) -> None:
        line = http.client.HTTPConnection(
            "127.0.0.1", (self.stage.intake.first, self.stage.intake.second)[at].port, timeout=60
        )
        asked = headers(self.stage.intake, Upload_Offset=str(offset), Content_Length=str(len(piece))) | STREAM
        line.putrequest("PATCH", self.path)
        for name, value in asked.items():
            line.putheader(name, value)
        line.endheaders()
        line.send(piece[:until])
        line.close()

    def _send(self, at: int, size: int, algorithm: str) -> None:
        if self.ended:
            answer = self._patch(at, self.known, b"x")
            assert answer.status_code == 410, answer.text
            return
        offset = self._offset(at)
        if offset is None:
            offset = self._settled()
        piece = self.file.content[offset : offset + size]
        self.sent = max(self.sent, offset + len(piece))
        answer = self._patch(at, offset, piece, _checksum(algorithm, piece) if algorithm else {})
        if self.loose and answer.status_code in (409, 423):
            self._settled()
        elif answer.status_code == 503:  # a verdict that takes its time
            assert offset + len(piece) == self.file.size
            assert self._settled() == self.file.size
        else:
            self._acknowledged(answer, offset + len(piece))

    def _acknowledged(self, answer: httpx.Response, offset: int | None = None) -> None:
        assert answer.status_code == 204, answer.text
        told = int(answer.headers["Upload-Offset"])
        assert offset in (None, told)
        self.known = max(self.known, told)
        self._note_end()
        assert ("Connect-Document" in answer.headers) == self.done

    def _note_end(self) -> None:
        self.done = self.done or self.known == self.file.size

    def _offset(self, at: int) -> int | None:
        """What a replica says is there, None while it can't tell."""
        answer = self.web.head(self._at(at), headers=headers(self.stage.intake))
        if self.ended:
            assert answer.status_code == 410
            return None
        if answer.status_code == 423:
            return None
        assert answer.status_code == 200
        offset = int(answer.headers["Upload-Offset"])
        assert self.known <= offset <= self.sent, "bytes were lost, or came from nowhere"
        self.known = offset
        self._note_end()
        return offset

    def _settled(self) -> int:
        """What is there once nobody writes any more."""

        def settled() -> tuple[int] | None:
            # In this order: a writer may save what it has, and end, in between.
            held = self._record()["lease"] is not None
            offset = self._offset(0)
            return None if (held and not self.done) or offset is None else (offset,)

        (offset,) = asyncio.run(eventually(settled, within=_PATIENCE))
        self.loose = False
        return offset

    def _created(self, at: int, content: bytes) -> httpx.Response:
        asked = headers(self.stage.intake, Upload_Length=str(self.file.size), Upload_Metadata=self.told)
        return self.web.post(f"{self._base(at)}/uploads", headers=asked | STREAM if content else asked, content=content)

    def _patch(self, at: int, offset: int, piece: bytes, more: dict[str, str] | None = None) -> httpx.Response:
        asked = headers(self.stage.intake, Upload_Offset=str(offset)) | STREAM | (more or {})
        return self.web.patch(self._at(at), headers=asked, content=piece)

    def _base(self, at: int) -> str:
        return (self.stage.intake.first, self.stage.intake.second)[at].base

    def _at(self, at: int) -> str:
        return self._base(at) + self.path

    def _record(self) -> Any:
        return self.stage.records.find_one({"_id": self.id})

    def _told_to_all(self) -> list[str]:
        topics = (each["topic"] for each in self._record()["owed"])
        return [topic for topic in topics if topic.startswith("connect.v1.documents.")]


def _checksum(algorithm: str, content: bytes) -> dict[str, str]:
    digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


@pytest.fixture
def records(intake: Intake) -> Iterator[Any]:
    """Intake's collection, asked without an event loop."""
    with MongoClient[dict[str, Any]](intake.env["UPLOAD_MONGO_URL"], tz_aware=True) as mongo:
        yield mongo[intake.env["UPLOAD_MONGO_DATABASE"]]["uploads"]


@pytest.mark.timeout(1800)  # the long profile’s
def test_nothing_acknowledged_is_lost_and_each_file_is_announced_once(
    servers: RunningStack, intake: Intake, records: Any, tell: Callable[[str], None]
) -> None:
    stage = Stage(intake, records)
    story = type("Story", (Client,), {"stage": stage})
    told = settings(
        max_examples=settings().max_examples // 4,
        stateful_step_count=10,
        deadline=None,
        database=None,
        # The processes are real: looking for a shorter story would take longer than reading a long one.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(story, settings=told)
    assert stage.finished
    once = dict.fromkeys(stage.finished, 1)

    async def announced() -> bool:
        told = await _announced(servers)
        assert {document: told.count(document) for document in stage.finished} == once
        return True

    asyncio.run(eventually(announced, within=_PATIENCE, every=1))
    tell(f"{len(stage.finished)} files deposited in made-up ways, each announced once")


async def _announced(servers: RunningStack) -> list[str]:
    """The documents of every `deposited` on the stream."""
    where = servers.endpoints["nats"]
    client = await nats.connect(where["url"], user=where["user"], password=where["password"])
    try:
        stream, topic = client.jetstream(), "connect.v1.documents.deposited.14"
        reader = await stream.subscribe(topic, stream=DOCUMENTS.name, ordered_consumer=True)
        info = await reader.consumer_info()
        left = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
        found = []
        while left:
            message = await reader.next_msg(timeout=10)
            found.append(json.loads(message.data)["data"]["document"])
            left = message.metadata.num_pending
        return found
    finally:
        await client.close()
