"""What each answer of clamd, and each silence, means for a file; and which clamd is good enough."""

import asyncio
import io
import os
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from chassis.errors import Unavailable
from upload import clamd, clamd_session
from upload.clamd import Clamd, ScannerUnfit
from upload.errors import Refused
from upload.scanner import NoScanner, scanner_at
from upload.settings import ClamdAddress, scanner_of

from tests.suites.bad_files import EICAR, MARKER
from tests.support.clamd_server import ClamdServer
from tests.support.eventually import eventually
from tests.support.fault_proxy import FaultProxies
from tests.support.ports import free_port
from tests.support.scripted_clamd import HANG_UP, SILENCE, ScriptedClamd

MIB = 1024 * 1024
LARGEST = 20 * MIB


@pytest.fixture
async def server() -> AsyncIterator[ScriptedClamd]:
    async with ScriptedClamd() as server:
        yield server


@pytest.fixture
async def scanner(server: ScriptedClamd) -> AsyncIterator[Clamd]:
    with closing(Clamd(ClamdAddress(host="127.0.0.1", port=server.port), largest=LARGEST)) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClamdServer]:
    with ClamdServer(tmp_path_factory.mktemp("clamd")) as server:
        yield server


def at(server: ClamdServer) -> closing[Clamd]:
    address = scanner_of(server.address)
    assert address is not None
    return closing(Clamd(address, largest=LARGEST))


async def test_a_file_is_streamed_whole_in_chunks(server: ScriptedClamd, scanner: Clamd) -> None:
    await scanner.scan(io.BytesIO(bytes(5 * MIB + 1)))
    assert (server.received, server.largest_chunk) == (5 * MIB + 1, clamd.CHUNK)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", "infected"),
        (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", "unscannable"),
        (b"stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\0", "unscannable"),
    ],
)
async def test_what_clamd_finds_is_refused_with_a_french_reason(
    server: ScriptedClamd, scanner: Clamd, answer: bytes, code: str
) -> None:
    server.answer = answer
    with pytest.raises(Refused) as refused:
        await scanner.scan(io.BytesIO(b"x"))
    assert refused.value.code == code
    assert "fichier" in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"stream: Can't allocate memory ERROR\0", "scanner_error"),
        (b"INSTREAM size limit exceeded. ERROR\0", "scanner_error"),
        (b"stream: \0", "scanner_error"),
        (b"\0", "scanner_error"),
        (b"stream: O", "scanner_unavailable"),
        (HANG_UP, "scanner_unavailable"),
    ],
)
async def test_what_is_no_verdict_lets_nothing_through(
    server: ScriptedClamd, scanner: Clamd, answer: bytes, code: str
) -> None:
    server.answer = answer
    with pytest.raises(Unavailable) as down:
        await scanner.scan(io.BytesIO(b"x"))
    assert down.value.code == code


@pytest.mark.parametrize("answer", [HANG_UP, b"stream: OK\0", b"INSTREAM size limit exceeded. ERROR\0"])
async def test_one_that_has_enough_before_the_last_byte_gives_no_verdict(
    server: ScriptedClamd, scanner: Clamd, answer: bytes
) -> None:
    server.answer, server.after = answer, MIB
    with pytest.raises(Unavailable):
        await scanner.scan(io.BytesIO(bytes(15 * MIB)))


class Interrupted(io.BytesIO):
    """Something happens between its first bytes and the next."""

    def __init__(self, content: bytes, happens: Callable[[], None]) -> None:
        super().__init__(content)
        self._happens = happens

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            self._happens()
            time.sleep(0.3)
        return super().read(size)


def test_a_line_that_is_torn_between_two_chunks_gives_no_verdict_in_the_services_own_loop() -> None:
    async def scan() -> None:
        async with ScriptedClamd() as server:
            line = FaultProxies({"clamd": (port := free_port(), server.port)})
            line.start()
            try:
                with closing(Clamd(ClamdAddress(host="127.0.0.1", port=port), largest=LARGEST)) as scanner:
                    await scanner.scan(Interrupted(bytes(5 * MIB), lambda: line.put("clamd", "reset")))
            finally:
                line.stop()

    with pytest.raises(Unavailable, match="scanner_unavailable"):
        uvloop.run(scan())


async def test_a_slow_answer_is_waited_for_as_long_as_clamd_lives(
    server: ScriptedClamd, scanner: Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(clamd_session, "ANSWER_SECONDS", 0.5)
    server.answer = SILENCE
    monkeypatch.setattr(clamd, "SCAN_CEILING_SECONDS", 1.0)
    with pytest.raises(Unavailable) as slow:
        await scanner.scan(io.BytesIO(b"x"))
    assert slow.value.code == "scanner_slow"
    server.pong = SILENCE
    monkeypatch.setattr(clamd, "SCAN_CEILING_SECONDS", 60.0)
    with pytest.raises(Unavailable) as silent:
        await scanner.scan(io.BytesIO(b"x"))
    assert silent.value.code == "scanner_silent"


async def test_one_that_calls_ok_what_a_limit_hid_from_it_is_refused_and_nothing_is_let_through(
    server: ScriptedClamd, scanner: Clamd
) -> None:
    server.nested = b"stream: OK\0"
    for refused in (scanner.prove, scanner.ask):
        with pytest.raises(ScannerUnfit, match="AlertExceedsMax"):
            await refused()
    with pytest.raises(Unavailable) as unfit:
        await scanner.scan(io.BytesIO(b"x"))
    assert (unfit.value.code, server.received) == ("scanner_unfit", 0)


async def test_the_service_starts_while_clamd_is_down_and_files_wait(tmp_path: Path) -> None:
    async with scanner_at(ClamdAddress(path=str(tmp_path / "nobody")), largest=LARGEST) as scanner:
        for asked in (scanner.ask(), scanner.scan(io.BytesIO(b"x"))):
            with pytest.raises(Unavailable) as down:
                await asked
            assert down.value.code == "scanner_unavailable"


async def test_without_a_scanner_readiness_says_so() -> None:
    async with scanner_at(None, largest=LARGEST) as scanner:
        assert isinstance(scanner, NoScanner)
        with pytest.raises(Unavailable) as absent:
            await scanner.ask()
    assert absent.value.code == "scanner_absent"


@pytest.mark.parametrize(
    "value", ["", "clamd", "None", "clamd://host", "clamd://:3310", "http://host:1", "unix://", "unix://host/path"]
)
def test_an_address_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="clamd://host:port"):
        scanner_of(value)


def test_the_three_ways_to_name_a_scanner() -> None:
    assert scanner_of("none") is None
    assert scanner_of("clamd://av.example:3310") == ClamdAddress(host="av.example", port=3310)
    assert scanner_of("unix:///run/clamav/clamd.ctl") == ClamdAddress(path="/run/clamav/clamd.ctl")


@pytest.mark.needs("clamd")
async def test_a_real_clamd_of_good_limits_is_taken_and_finds_what_it_knows(real: ClamdServer) -> None:
    with at(real) as scanner:
        await scanner.prove()
        await scanner.ask()
        await scanner.scan(io.BytesIO(b"rien"))
        with pytest.raises(Refused) as refused:
            await scanner.scan(io.BytesIO(EICAR))
    assert refused.value.code == "infected"


@pytest.mark.needs("clamd")
async def test_the_last_bytes_of_the_largest_file_are_looked_at(real: ClamdServer) -> None:
    content = bytearray(LARGEST)
    with at(real) as scanner:
        await scanner.scan(io.BytesIO(content))
        content[-len(MARKER) :] = MARKER
        with pytest.raises(Refused):
            await scanner.scan(io.BytesIO(content))


@pytest.mark.needs("clamd")
async def test_a_unix_socket_is_as_good(tmp_path: Path) -> None:
    with (
        ClamdServer(tmp_path, socket_path=tmp_path / "clamd.sock") as server,
        at(server) as scanner,
        pytest.raises(Refused),
    ):
        await scanner.scan(io.BytesIO(EICAR))


@pytest.mark.needs("clamd")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"StreamMaxLength": "19M"}, "StreamMaxLength"),
        ({"MaxFileSize": "19M"}, "MaxFileSize"),
        ({"MaxScanSize": "19M", "MaxFileSize": "19M"}, "Max"),
        ({"MaxScanSize": "19M"}, "MaxScanSize"),
        ({"AlertExceedsMax": "no"}, "AlertExceedsMax"),
        ({"AlertExceedsMax": "no", "MaxFileSize": "19M"}, "AlertExceedsMax"),
    ],
)
async def test_the_start_refuses_a_real_clamd_whose_limits_are_below_the_largest_file(
    tmp_path: Path, options: dict[str, str], named: str
) -> None:
    with ClamdServer(tmp_path, options=options) as server:
        address = scanner_of(server.address)
        with pytest.raises(ScannerUnfit, match=named):
            async with scanner_at(address, largest=LARGEST):
                pass


@pytest.mark.needs("clamd")
async def test_one_that_comes_back_with_other_limits_is_found_out(tmp_path: Path) -> None:
    with ClamdServer(tmp_path) as server, at(server) as scanner:
        await scanner.scan(io.BytesIO(b"x"))
        server.kill()
        with pytest.raises(Unavailable):
            await scanner.scan(io.BytesIO(b"x"))
        server.options["AlertExceedsMax"] = "no"
        server.start()
        with pytest.raises(ScannerUnfit):
            await scanner.scan(io.BytesIO(b"x"))


@pytest.mark.needs("clamd")
async def test_one_that_was_restarted_with_other_limits_while_nobody_asked_is_found_out_too(tmp_path: Path) -> None:
    with ClamdServer(tmp_path) as server, at(server) as scanner:
        await scanner.scan(io.BytesIO(b"x"))
        server.options["AlertExceedsMax"] = "no"
        for done in (server.kill, server.start):
            await asyncio.to_thread(done)
        with pytest.raises(ScannerUnfit):
            await scanner.scan(io.BytesIO(b"x"))


async def test_each_clamd_at_an_address_proves_itself_once(server: ScriptedClamd, scanner: Clamd) -> None:
    for _ in range(3):
        await scanner.scan(io.BytesIO(b"x"))
    assert server.proofs == 1
    # The next connection may lead to another.
    await asyncio.gather(*(scanner.scan(io.BytesIO(b"x")) for _ in range(2)))
    assert server.proofs == 2
    server.nested, received = b"stream: OK\0", server.received
    third = [scanner.scan(io.BytesIO(b"x")) for _ in range(3)]
    assert [type(each) for each in await asyncio.gather(*third, return_exceptions=True)].count(ScannerUnfit) == 1
    assert server.received == received + 2


async def test_a_connection_that_was_not_used_for_a_while_is_given_up(
    server: ScriptedClamd, scanner: Clamd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd, "KEPT_SECONDS", 0.1)
    await scanner.scan(io.BytesIO(b"x"))
    await eventually(lambda: server.left == 1)
    await scanner.scan(io.BytesIO(b"x"))
    assert server.proofs == 2


@pytest.mark.parametrize("answer", [b"1: stream: OK\0", b"\0", b"7: stream: OK\0", b"stream: OK\0"])
async def test_an_answer_to_another_question_is_none(server: ScriptedClamd, scanner: Clamd, answer: bytes) -> None:
    await scanner.scan(io.BytesIO(b"x"))
    server.answer, server.numbered = answer, False
    with pytest.raises(Unavailable) as unclear:
        await scanner.scan(io.BytesIO(b"x"))
    assert unclear.value.code == "scanner_error"


@pytest.mark.needs("clamd")
async def test_a_scan_may_last_longer_than_clamd_waits_for_a_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clamd_session, "QUIET_SECONDS", 0.3)
    pages = io.BytesIO()
    with zipfile.ZipFile(pages, "w") as packed:
        for page in range(2000):
            packed.writestr(f"{page}.html", f"<html><script>{os.urandom(1000).hex()}")
    with ClamdServer(tmp_path, options={"ReadTimeout": "1"}) as server, at(server) as scanner:
        began = time.monotonic()
        await scanner.scan(io.BytesIO(pages.getvalue()))
        assert time.monotonic() - began > 1
