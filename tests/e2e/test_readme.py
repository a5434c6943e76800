"""The README's commands, as they stand there."""

import asyncio
import hashlib
import io
import os
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.support.mailbox import Mailbox
from tests.support.people import Person
from tests.support.running import RunningStack

ROOT = Path(__file__).parents[2]
MARKED = re.compile(r"^```sh test\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.needs("curl"), pytest.mark.needs("make"), pytest.mark.timeout(300)]


def _script(stack: RunningStack) -> str:
    """The marked blocks, one after the other, for this stack's port instead of the default one."""
    readme = (ROOT / "README.md").read_text()
    return "\n".join(MARKED.findall(readme)).replace("http://localhost:8080", stack.endpoints["portal"])


async def test_the_readmes_commands_deposit_documents(stack: RunningStack, depositor: Person, mailbox: Mailbox) -> None:
    script = _script(stack)
    assert script.count("make") >= 3
    running = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=ROOT,
        env=os.environ | {"RUN_DIR": str(stack.plan.run_dir)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(running.communicate(), 240)
    told = output.decode()
    assert running.returncode == 0, told
    assert re.search(r"^HTTP/1.1 201 ", told, re.MULTILINE), told
    assert re.search(r"^connect-document: [0-9a-f-]{36}\r?$", told, re.MULTILINE | re.IGNORECASE), told
    assert re.search(rf"{stack.endpoints['portal']}/uploads/[0-9a-f-]{{36}}$", told, re.MULTILINE), told
    invoice = await _demonstrated(r"facture_coop-[0-9-]+\.pdf", told, depositor=depositor, mailbox=mailbox)
    assert not invoice.attachments
    factur_x = await _demonstrated(r"facture_veto-[0-9-]+_factur-x\.pdf", told, depositor=depositor, mailbox=mailbox)
    (xml,) = factur_x.attachments["factur-x.xml"]
    assert b"<ram:Name>EARL du Ch\xc3\xaane</ram:Name>" in xml


async def _demonstrated(file: str, told: str, *, depositor: Person, mailbox: Mailbox) -> PdfReader:
    """The document that `make demo` deposited under this name, once everything that it said of it is seen to be so."""

    def said(service: str) -> str:
        (line,) = re.findall(rf"^{service} +{file}  (.+)$", told, re.MULTILINE)
        return str(line)

    receipt = re.fullmatch(r"deposited as (\S+), receipt for (\d+) bytes with SHA-256 ([0-9a-f]{64})", said("upload"))
    assert receipt, told
    document, size, sha256 = receipt.groups()
    content = await depositor.portal.content(document)
    assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (size, sha256)
    assert re.search(rf"^{file} +━+ (\S+)/\1 kB *$", told, re.MULTILINE), told
    assert said("catalog") in ("listed as Déposé", "listed as Sécurisé")
    assert said("ged-mover") == f"archived as 14/earl-du-chene/{document}, SHA-256 {sha256[:12]}… as deposited"
    listed = await depositor.portal.document(document)
    assert listed
    (mail,) = await mailbox.naming(listed["name"])
    assert "EARL du Chêne" in mail.subject
    assert said("notify") == f"alerted jeanny.jerome@cerfrance-14.example: « {mail.subject} »"
    return PdfReader(io.BytesIO(content))
