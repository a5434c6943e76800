"""Seals: made when it is time, chained, signed, told to each office; and what they show that a chain alone does not."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from catalog import merkle
from catalog.auditing import Archive
from catalog.chain import GENESIS, Broken, Link, next_link
from catalog.metrics import JOURNAL_BROKEN, JOURNAL_ENTRIES, JOURNAL_SEALED_ENTRIES
from catalog.seal_keys import SealKeys
from catalog.sealer import Sealer
from catalog.seals import hash_of, said_by
from chassis.errors import Unavailable
from contracts.audit import Seal
from contracts.envelope import decode
from joserfc.jwk import OKPKey

from tests.suites.catalog_events import at
from tests.suites.catalog_journal import (
    ClaimsBehaviour,
    FakeClaims,
    FakeSeals,
    SealsBehaviour,
)
from tests.suites.catalog_sealing import Desk
from tests.support.eventually import eventually

DAY = timedelta(days=1)
# RFC 6962 gives no vectors; these are Certificate Transparency's own (its reference implementation's tests).
CT_LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
CT_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
}


def follow(path: Sequence[str], said: bytes, index: int, size: int) -> str:
    """Where a path leads, by RFC 9162, 2.1.3.2."""
    here, last, found = index, size - 1, hashlib.sha256(b"\0" + said).digest()
    for neighbour in map(bytes.fromhex, path):
        if here % 2 or here == last:
            found = hashlib.sha256(b"\1" + neighbour + found).digest()
            while here % 2 == 0 and here:
                here, last = here >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + neighbour).digest()
        here, last = here >> 1, last >> 1
    return found.hex()


@pytest.mark.parametrize(("count", "root"), CT_ROOTS.items())
def test_a_root_is_that_of_the_rfc_and_every_path_leads_to_it(count: int, root: str) -> None:
    leaves = [merkle.leaf(said) for said in CT_LEAVES[:count]]
    assert merkle.root(leaves) == root
    tree = merkle.Tree()
    for each in leaves:
        tree.add(each)
    assert (tree.root, tree.size) == (root, count)
    for index in range(count):
        assert follow(merkle.path(leaves, index), CT_LEAVES[index], index, count) == root


async def test_a_seal_closes_what_came_since_the_last_one_and_follows_it() -> None:
    here = await Desk().filled(3)
    one = await here.seal()
    await here.filled(2)
    here.now = at(60)
    two = await here.seal()
    assert one
    assert two
    assert [(seal.number, seal.first, seal.last) for seal in (one, two)] == [(1, 1, 3), (2, 4, 5)]
    assert (one.previous, two.previous) == (GENESIS, hash_of(one))
    assert two.root == merkle.root([merkle.leaf(link.said) for link in here.journal.links[3:]])
    checks = await here.archive.check()
    assert (checks.entries, checks.seals) == (5, 2)


async def test_each_office_is_owed_the_seal_under_an_id_of_its_own_that_stays() -> None:
    here = await Desk().filled()
    seal = await here.seal()
    assert seal
    told = [decode(each.payload) for each in here.seals.owed]
    assert here.announced == here.seals.owed
    assert [each.topic for each in told] == ["connect.v1.audit.sealed.14", "connect.v1.audit.sealed.53"]
    assert len({each.id for each in told}) == 2
    assert Seal.model_validate(told[0].data.model_dump()) == seal
    assert not any(each.awaits_successor for each in here.seals.owed)


async def test_it_is_time_a_day_after_the_last_seal_or_the_first_entry() -> None:
    here = await Desk().filled()
    here.now = at(0) + DAY - timedelta(seconds=1)
    assert await here.seal(DAY) is None
    here.now = at(0) + DAY
    assert await here.seal(DAY)
    here.now += DAY
    assert await here.seal(DAY) is None
    await here.filled(1)
    assert await here.seal(DAY)
    await here.filled(1)
    here.now += DAY / 2
    assert await here.seal(DAY) is None
    assert await here.seal()


async def test_each_look_tells_how_many_entries_there_are_and_how_many_are_sealed() -> None:
    here = await Desk().filled(3)
    await here.seal()
    await here.filled(2)
    for told in (JOURNAL_ENTRIES, JOURNAL_SEALED_ENTRIES):
        told.set(0)  # as in a process that was started since and has written nothing
    assert await here.seal(DAY) is None
    assert (JOURNAL_ENTRIES._value.get(), JOURNAL_SEALED_ENTRIES._value.get()) == (5, 3)
    here.now += DAY
    assert await here.seal(DAY)
    assert (JOURNAL_ENTRIES._value.get(), JOURNAL_SEALED_ENTRIES._value.get()) == (5, 5)


async def test_an_empty_journal_is_not_sealed() -> None:
    assert await Desk().seal() is None


async def test_of_two_who_seal_at_once_one_does() -> None:
    here = await Desk().filled()
    sealed = await asyncio.gather(here.seal(), here.seal())
    assert len([seal for seal in sealed if seal]) == len(here.seals.held) == 1


def _forge_chain(here: Desk) -> None:
    links, last = list[Link](), None
    for link in here.journal.links:
        last = next_link({**link.entry, "actor": "somebody-else"} if link.seq == 2 else link.entry, last)
        links.append(last)
    here.journal.links = links


def _with(here: Desk, index: int, **facts: object) -> None:
    here.seals.held[index] = here.seals.held[index].model_copy(update=facts)


def _resigned(here: Desk, index: int, keys: SealKeys, **facts: object) -> None:
    said = here.seals.held[index].model_dump(exclude={"kid", "signature"})
    here.seals.held[index] = keys.signed({**said, **facts})


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (_forge_chain, "seal 1 does not fit entries 1 to 3"),
        (lambda here: here.journal.links.pop(), "entry 6 is missing: seal 2 was made over it"),
        (lambda here: here.journal.links.clear(), "entry 1 is missing: seal 1 was made over it"),
        (lambda here: here.seals.held.pop(0), "seal 1 is missing"),
        (lambda here: _with(here, 0, root="f" * 64), "seal 1 was changed"),
        (lambda here: _with(here, 1, at=at(61)), "seal 2 was changed"),
        (lambda here: _with(here, 1, last=5), "seal 2 was changed"),
        (lambda here: _with(here, 1, signature="e30.e30.c2ln"), "seal 2 was changed"),
        (lambda here: _with(here, 1, signature="none"), "seal 2 was changed"),
        (lambda here: _resigned(here, 0, SealKeys(current=OKPKey.generate_key("Ed25519"))), "seal 1 was changed"),
        (lambda here: _resigned(here, 0, here.keys, at=at(31)), "seal 2 does not follow the one before"),
        (lambda here: _resigned(here, 1, here.keys, first=5), "seal 2 does not follow the one before"),
        (lambda here: _resigned(here, 1, here.keys, root="f" * 64), "seal 2 does not fit entries 4 to 6"),
    ],
)
async def test_what_a_forger_does_shows(tampering: Callable[[Desk], object], named: str) -> None:
    here = await Desk().filled(3)
    await here.seal()
    await here.filled(3)
    await here.seal()
    await here.archive.check()
    tampering(here)
    with pytest.raises(Broken, match=f"^{named}"):
        await here.archive.check()


@pytest.mark.parametrize("index", [2, 3, 4])
async def test_what_is_not_whole_is_not_sealed_and_says_so(index: int) -> None:
    here = await Desk().filled(3)
    await here.seal()
    await here.filled(2)
    del here.journal.links[index]
    here.now = at(60)
    sealer = Sealer(here.sealing, every=timedelta(microseconds=1), check_every=DAY)
    await sealer.look()
    seals, broken = (2, 0) if index == 4 else (1, 1)  # an end cut off before it was sealed is seen by nobody
    assert (len(here.seals.held), JOURNAL_BROKEN._value.get()) == (seals, broken)


async def test_a_journal_shorter_than_its_seals_is_not_sealed() -> None:
    here = await Desk().filled(3)
    await here.seal()
    here.journal.links.clear()
    with pytest.raises(Broken, match=r"^entry 1 is missing"):
        await here.seal()


async def test_the_sealer_looks_until_it_is_told_to_stop() -> None:
    here = await Desk().filled()
    stop = asyncio.Event()
    sealer = Sealer(here.sealing, every=timedelta(milliseconds=10), check_every=DAY)
    running = asyncio.create_task(sealer.run(stop))
    await eventually(lambda: here.seals.held)
    stop.set()
    await asyncio.wait_for(running, 5)


class Stamper:
    """Says a number instead of the time; `down` is raised instead."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.down: Exception | None = None

    async def stamp(self, said: bytes) -> bytes:
        if self.down:
            raise self.down
        self.said.append(said)
        return str(len(self.said)).encode()


async def test_a_seal_does_not_wait_for_its_stamp_and_gets_one_later_once() -> None:
    here, stamper = await Desk().filled(), Stamper()
    every = timedelta(microseconds=1)
    sealer = Sealer(here.sealing, every=every, check_every=DAY, stamper=stamper)
    stamper.down = Unavailable("tsa_unreachable")
    await sealer.look()
    assert (len(here.seals.held), here.seals.stamps) == (1, {})
    stamper.down = None
    for _ in range(2):
        await sealer.look()
    assert (here.seals.stamps, stamper.said) == ({1: b"1"}, [said_by(here.seals.held[0])])


async def test_a_key_that_signed_before_is_still_believed_and_published(tmp_path: Path) -> None:
    old, new = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    (tmp_path / "current.pem").write_bytes(old.as_pem(private=True))
    here = await Desk(SealKeys.load(tmp_path)).filled()
    await here.seal()
    (tmp_path / "2026.pem").write_bytes(old.as_pem(private=False))
    (tmp_path / "current.pem").write_bytes(new.as_pem(private=True))
    keys = SealKeys.load(tmp_path)
    published = keys.published()["keys"]
    assert [key["kid"] for key in published] == [new.thumbprint(), old.thumbprint()]
    assert not any("d" in key for key in published)
    after = Archive(here.journal, here.seals, keys)
    here.now = at(90)
    await here.filled(1)
    await here.of_another_process(after).seal()
    assert (await after.check()).seals == 2
    assert [one.kid != other.kid for one, other in pairwise(here.seals.held)] == [True]


@pytest.mark.parametrize("text", ["", "no key"])
def test_what_is_no_key_stops_the_start_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "current.pem").write_text(text)
    with pytest.raises(ValueError, match=r"current\.pem"):
        SealKeys.load(tmp_path)


class TestFakeSeals(SealsBehaviour):
    @pytest.fixture
    def seals(self) -> FakeSeals:
        return FakeSeals()


class TestFakeClaims(ClaimsBehaviour):
    @pytest.fixture
    def claims(self) -> FakeClaims:
        return FakeClaims()
