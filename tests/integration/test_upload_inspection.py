"""The processes that look into files: apart from the service, under limits, and no file takes another with it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from chassis.errors import Unavailable
from upload.errors import Refused
from upload.inspection import MEMORY
from upload.inspector import Inspector

from tests.suites.bad_files import MIB, good_pdf
from tests.support.full_disk import no_file_over
from tests.support.samples import invoice


@pytest.fixture
async def inspector() -> AsyncIterator[Inspector]:
    async with Inspector(processes=1) as inspector:
        yield inspector
    assert processes() == []


def a_file(content: bytes) -> BinaryIO:
    """As a spool has it: in memory until it is large, or asked for its descriptor."""
    file = tempfile.SpooledTemporaryFile(max_size=MIB)  # noqa: SIM115 (closed with the test's process)
    file.write(content)
    file.seek(0)
    return cast(BinaryIO, file)


def processes() -> list[int]:
    """Those that this one started."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"upload.inspection" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def told(pid: int, what: str) -> str:
    """What the kernel tells of a process."""
    return Path(f"/proc/{pid}/{what}").read_text()


def open_files(pid: int) -> list[str]:
    """What its descriptors are."""
    return [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]


async def looked(inspector: Inspector, content: bytes) -> None:
    with a_file(content) as file:
        await inspector.inspect("pdf", file)


async def test_one_process_serves_many_files_and_ends_with_the_service(inspector: Inspector) -> None:
    await asyncio.gather(*(looked(inspector, good_pdf()) for _ in range(10)))
    assert len(processes()) == 1


async def test_it_has_no_environment_and_cannot_outgrow_its_limits(inspector: Inspector) -> None:
    await looked(inspector, good_pdf())
    (pid,) = processes()
    assert told(pid, "environ") == ""
    limits = {line[:25].strip(): line[25:].split() for line in told(pid, "limits").splitlines()}
    assert limits["Max address space"][1] == str(MEMORY)
    assert limits["Max file size"][1] == "0"
    assert limits["Max cpu time"][0] != "unlimited"
    assert len([each for each in open_files(pid) if each.startswith("socket:")]) == 1


async def test_a_large_file_is_looked_into_without_being_copied(inspector: Inspector) -> None:
    await looked(inspector, good_pdf())
    (pid,) = processes()
    await looked(inspector, invoice("facture.pdf", size=100 * MIB).content)
    status = dict(line.split(":\t", 1) for line in told(pid, "status").splitlines())
    assert int(status["VmHWM"].split()[0]) * 1024 < 100 * MIB


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGABRT, signal.SIGXCPU])
async def test_a_file_that_its_process_breaks_down_over_is_refused_and_the_next_is_looked_into(
    inspector: Inspector, fault: signal.Signals
) -> None:
    with pytest.raises(Refused) as refused:
        await _ended_in_the_middle(inspector, fault)
    assert refused.value.code == "unreadable"
    await looked(inspector, good_pdf())


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_process_that_is_ended_from_outside_says_nothing_of_the_file(
    inspector: Inspector, end: signal.Signals
) -> None:
    with pytest.raises(Unavailable) as ended:
        await _ended_in_the_middle(inspector, end)
    assert ended.value.code == "inspection_ended"
    await looked(inspector, good_pdf())


async def test_a_full_disk_says_nothing_of_the_file(inspector: Inspector) -> None:
    with a_file(good_pdf()) as small:
        with no_file_over(100), pytest.raises(Unavailable) as full:
            await inspector.inspect("pdf", small)
        assert full.value.code == "scratch_full"


async def test_one_that_stops_is_given_up_in_time(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upload.inspector.CEILING_SECONDS", 0.5)
    with pytest.raises(Unavailable) as slow:
        await _ended_in_the_middle(inspector, signal.SIGSTOP)
    assert slow.value.code == "inspection_slow"
    monkeypatch.undo()
    await looked(inspector, good_pdf())


async def _ended_in_the_middle(inspector: Inspector, with_signal: signal.Signals) -> None:
    """Stop the process, hand it a file, and have the signal come before it can answer."""
    await looked(inspector, good_pdf())
    (pid,) = processes()
    os.kill(pid, signal.SIGSTOP)
    looking = asyncio.create_task(looked(inspector, good_pdf()))
    await asyncio.sleep(0)
    os.kill(pid, with_signal)
    if with_signal != signal.SIGSTOP:
        with suppress(ProcessLookupError):  # a killed one needs no waking
            os.kill(pid, signal.SIGCONT)
    await looking
