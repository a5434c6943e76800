"""The demo directory, loaded once a run folder: what was changed since then in the running stack is not overwritten."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys

from .credentials import Credentials
from .environment import environment_of
from .errors import StackError
from .people import DIRECTORY_CSV
from .plan import Plan, Process


async def load_demo_directory(plan: Plan, credentials: Credentials) -> None:
    """Runs the catalog's own import. Raises StackError with its words when it refuses the file."""
    digest = hashlib.sha256(DIRECTORY_CSV.read_bytes()).hexdigest()
    done = plan.data / "directory.sha256"
    if done.exists() and done.read_text() == digest:
        return
    catalog = Process("catalog-1", "catalog", plan.port("catalog"))
    importing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "catalog", "directory", "import", str(DIRECTORY_CSV)),
        env={**os.environ, **environment_of(catalog, plan=plan, credentials=credentials)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await importing.communicate()
    except asyncio.CancelledError:
        importing.kill()
        raise
    if importing.returncode != 0:
        raise StackError(f"The demo directory could not be loaded: {output.decode(errors='replace').strip()}")
    done.write_text(digest)
