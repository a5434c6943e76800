"""`python -m tests.drill`: loses everything that can be lost, brings it back, and says how long each part took."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .drill import Drill

_DOCUMENTS = 40


def main() -> int:
    """The command. Returns 1 where anything is not as it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--documents", type=int, default=_DOCUMENTS, help=f"deposited before ({_DOCUMENTS})")
    parser.add_argument(
        "--without-records", action="store_true", help="leave out `restore records`, to see what it is for"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        drill = Drill(Path(folder), documents=chosen.documents, tell=_tell, restores_records=not chosen.without_records)
        drill.run()
    for fault in drill.faults:
        _tell(fault)
    return 1 if drill.faults else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
