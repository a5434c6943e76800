"""The README's commands, as they stand there."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from tests.support.running import RunningStack

ROOT = Path(__file__).parents[2]
MARKED = re.compile(r"^```sh test\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.needs("curl"), pytest.mark.needs("make"), pytest.mark.timeout(300)]


def _script(stack: RunningStack) -> str:
    """The marked blocks, one after the other, for this stack's port instead of the default one."""
    readme = (ROOT / "README.md").read_text()
    return "\n".join(MARKED.findall(readme)).replace("http://localhost:8080", stack.endpoints["portal"])


async def test_the_readmes_commands_deposit_documents(stack: RunningStack) -> None:
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
