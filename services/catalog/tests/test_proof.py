"""A document's proof, checked by the script that is given to others; whatever is changed in it is refused."""

import asyncio
import copy
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from catalog import handlers
from catalog.auditing import Archive
from catalog.errors import Conflict, Gone
from catalog.proof import Proofs
from catalog.seal_keys import SealKeys
from catalog.sealing import Sealing
from contracts.audit import archive_evidence, receipt_evidence
from contracts.canonical import canonical
from contracts.values import Location
from joserfc import jws
from joserfc.jwk import OKPKey

from tests.suites import catalog_events as events
from tests.suites.catalog_journal import FakeClaims, FakeJournal, FakeSeals, FakeTrail, entry
from tests.suites.catalog_room import ACCOUNTANT, ONE, Room, room

SCRIPT = Path(__file__).parents[3] / "docs" / "proof" / "verify_proof.py"
CONTENT = b"%PDF-1.7 facture"
SHA = hashlib.sha256(CONTENT).hexdigest()


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_proof", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify_proof = _script()


class Case:
    """A document that was received, archived and taken, and a journal with others' entries around its own."""

    def __init__(self) -> None:
        self.receipt_key = OKPKey.generate_key("Ed25519")
        self.keys = SealKeys(current=OKPKey.generate_key("Ed25519"))
        self.journal, self.seals = FakeJournal(), FakeSeals()
        archive = Archive(self.journal, self.seals, self.keys)
        self.sealing = Sealing(archive, FakeTrail(), FakeClaims(), lambda: (), _nobody, clock=lambda: events.at(500))
        self.proofs = Proofs(self.journal, self.seals)
        self.receipt = self._receipt()
        place = Location(bucket="ged", key=f"{events.OFFICE}/{events.CLIENT}/{ONE}")
        evidence = archive_evidence(ONE, place, version="v1", sha256=SHA)
        self.entries = [
            entry(ONE, action="deposited", evidence=receipt_evidence(self.receipt["signature"])),
            entry(),
            entry(ONE, action="archived", version="v1", evidence=evidence),
            entry(),
            entry(),
            entry(ONE, action="taken", revision=1),
            entry(),
        ]

    async def seal(self) -> None:
        await self.sealing.seal()

    async def sealed(self) -> "Case":
        """Five of the entries under one seal, two under the next."""
        for number, each in enumerate(self.entries, 1):
            await self.journal.write(each)
            if number in (5, 7):
                await self.seal()
        return self

    async def proof(self, here: Room | None = None) -> dict[str, Any]:
        here = here or await room(events.announced(1, sha256=SHA), events.archived(1))
        document = await handlers.find(ONE, who=ACCOUNTANT, desk=here.desk)
        told = replace(document, receipt=self.receipt) if document.receipt else document
        proof = await self.proofs.of(told)
        found: dict[str, Any] = json.loads(json.dumps(proof))
        return found

    @property
    def published(self) -> list[dict[str, Any]]:
        """The public keys: of seals, and of receipts."""
        public = {**self.receipt_key.as_dict(private=False), "kid": self.receipt_key.thumbprint()}
        return [self.keys.published(), {"keys": [public]}]

    def _receipt(self) -> dict[str, Any]:
        facts = {"document": ONE, "name": "Relevé d’août.pdf", "size": len(CONTENT), "sha256": SHA}
        facts |= {"received_at": "2026-03-26T09:00:00Z", "kid": self.receipt_key.thumbprint()}
        header = {"alg": "Ed25519", "kid": facts["kid"]}
        signature = jws.serialize_compact(header, canonical(facts), self.receipt_key, algorithms=["Ed25519"])
        return {**facts, "signature": signature}


async def _nobody(_: object) -> None:
    return


def _fields(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in the proof there is a value."""
    if isinstance(part, dict | list):
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _fields(value, (*path, key))
    else:
        yield path


def _changed(value: Any) -> Any:
    if isinstance(value, str):
        return ("0" if value[:1] != "0" else "1") + value[1:]
    return value + 1


def refused(proof: Any, case: Case) -> bool:
    """Whether the script says no, in one of the ways it reports."""
    try:
        verify_proof.check(proof, *case.published)
    except (ValueError, KeyError, TypeError, AttributeError, verify_proof.InvalidSignature):
        return True
    return False


async def test_a_proof_holds_with_the_file_and_the_seal_as_it_was_mailed() -> None:
    case = await Case().sealed()
    proof = await case.proof()
    assert [each["entry"]["action"] for each in proof["entries"]] == ["deposited", "archived", "taken"]
    assert [seal["number"] for seal in proof["seals"]] == [1, 2]
    verify_proof.check(proof, *case.published, CONTENT, case.seals.held[0].model_dump(mode="json"))


async def test_whatever_field_is_changed_the_proof_is_refused() -> None:
    case = await Case().sealed()
    proof = await case.proof()
    paths = list(_fields(proof))
    assert len(paths) > 60
    for path in paths:
        forged = copy.deepcopy(proof)
        part = forged
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = _changed(part[path[-1]])
        assert refused(forged, case), path


@pytest.mark.parametrize("name", ["document", "receipt", "archive", "entries", "seals"])
async def test_whatever_part_is_left_out_the_proof_is_refused(name: str) -> None:
    case = await Case().sealed()
    proof = await case.proof()
    assert refused({key: value for key, value in proof.items() if key != name}, case)
    assert refused({**proof, name: None}, case)


async def test_paths_are_of_the_right_length_and_keys_are_the_published_ones() -> None:
    case, other = await Case().sealed(), await Case().sealed()
    proof = await case.proof()
    for change in ([], proof["entries"][0]["path"][:-1], [*proof["entries"][0]["path"], "0" * 64]):
        forged = copy.deepcopy(proof)
        forged["entries"][0]["path"] = change
        assert refused(forged, case)
    assert refused(proof, other)


async def test_a_seal_that_the_key_of_receipts_has_signed_is_refused() -> None:
    case = await Case().sealed()
    proof = await case.proof()
    seal = {name: value for name, value in proof["seals"][0].items() if name != "signature"}
    seal["kid"] = case.receipt_key.thumbprint()
    header = {"alg": "Ed25519", "kid": seal["kid"]}
    signature = jws.serialize_compact(header, canonical(seal), case.receipt_key, algorithms=["Ed25519"])
    assert refused({**proof, "seals": [{**seal, "signature": signature}, *proof["seals"][1:]]}, case)


async def test_another_file_or_another_seal_than_was_mailed_is_refused() -> None:
    case = await Case().sealed()
    proof = await case.proof()
    with pytest.raises(ValueError, match="other bytes"):
        verify_proof.check(proof, *case.published, b"another")
    with pytest.raises(ValueError, match="mailed"):
        verify_proof.check(proof, *case.published, None, {**proof["seals"][0], "root": "0" * 64})


async def test_what_is_not_sealed_yet_is_left_out_and_without_its_reception_there_is_no_proof() -> None:
    case = Case()
    await case.journal.write(case.entries[0])
    with pytest.raises(Conflict) as early:
        await case.proof()
    assert early.value.code == "not_sealed_yet"
    await case.seal()
    await case.journal.write(case.entries[2])
    proof = await case.proof()
    assert (len(proof["entries"]), proof["archive"]) == (1, None)
    verify_proof.check(proof, *case.published)


async def test_of_an_erased_document_there_is_no_receipt_to_prove() -> None:
    case = await Case().sealed()
    with pytest.raises(Gone):
        await case.proof(await room(events.announced(1), events.archived(1), events.erased(1)))


def _run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


async def test_the_script_is_short_stands_alone_and_says_so(tmp_path: Path) -> None:
    case = await Case().sealed()
    proof = await case.proof()
    lines = SCRIPT.read_text("utf-8").splitlines()
    assert len(lines) <= 100
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}

    files = {"proof": proof, "audit": case.published[0], "receipt": case.published[1]}
    files["seal"] = case.seals.held[0].model_dump(mode="json")
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value), "utf-8")
    (tmp_path / "file").write_bytes(CONTENT)
    command = [sys.executable, str(SCRIPT), "proof", "audit", "receipt", "--file", "file", "--seal", "seal"]
    ran = await asyncio.to_thread(_run, command, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Proven: archived, deposited, taken.\n", "")
    (tmp_path / "file").write_bytes(b"another")
    ran = await asyncio.to_thread(_run, command, tmp_path)
    assert (ran.returncode, ran.stderr) == (1, "NOT PROVEN: file: other bytes than were received\n")
