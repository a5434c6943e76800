"""Two tus clients that nobody here wrote."""

import asyncio
import json
from pathlib import Path

import pytest
from tusclient.client import TusClient as TusPy

from tests.support import nodejs
from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import Sample, invoice
from tests.support.store import Store
from tests.support.tus import Deposit

SIZES = [5_000, 100_000, 30_000_000]


@pytest.mark.parametrize("size", SIZES)
async def test_tuspy_uploads(stack: RunningStack, depositor: Person, store: Store, tmp_path: Path, size: int) -> None:
    sample, path = _written(f"tuspy_{size}", size, tmp_path)
    portal = stack.endpoints["portal"]
    # It opens a path many times and leaves closing to the garbage collector; a stream it is given stays ours.
    with path.open("rb") as stream:
        uploader = TusPy(f"{portal}/uploads", headers={"Authorization": f"Bearer {depositor.token}"}).uploader(
            file_stream=stream, chunk_size=4_000_000, metadata=Deposit().metadata(sample), upload_checksum=True
        )
        await asyncio.to_thread(uploader.upload)
    await _arrived(str(uploader.url), sample, depositor=depositor, store=store)


@pytest.mark.usefixtures("js")
@pytest.mark.parametrize("size", SIZES)
async def test_tus_js_client_uploads(
    stack: RunningStack, depositor: Person, store: Store, tmp_path: Path, size: int
) -> None:
    sample, path = _written(f"tus_js_{size}", size, tmp_path)
    portal = stack.endpoints["portal"]
    url = await nodejs.run(
        "upload.js", str(path), f"{portal}/uploads", depositor.token, json.dumps(Deposit().metadata(sample))
    )
    await _arrived(url, sample, depositor=depositor, store=store)


def _written(label: str, size: int, folder: Path) -> tuple[Sample, Path]:
    sample = invoice(label, size=size)
    path = folder / sample.name
    path.write_bytes(sample.content)
    return sample, path


async def _arrived(url: str, sample: Sample, *, depositor: Person, store: Store) -> None:
    document = url.rpartition("/")[2]
    found = await eventually(lambda: depositor.portal.archived(document), within=20)
    assert (found["name"], found["sha256"]) == (sample.name, sample.sha256)
    assert (await store.archived(f"14/earl-du-chene/{document}")).sha256 == sample.sha256
