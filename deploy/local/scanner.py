"""clamd, where it is installed: `apt-get install clamav-daemon`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import StackError

SIGNATURES = Path(__file__).with_name("signatures.ndb")
_LOADABLE = ("*.cvd", "*.cld", "*.ndb", "*.hdb")


def clamd_path() -> str | None:
    """The installed clamd. Its folder is not in everybody's PATH."""
    return shutil.which("clamd", path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")


def has_real_signatures() -> bool:
    """Whether CLAMAV_DATABASE names a folder that freshclam fills; else the test signatures are all there is."""
    return bool(os.environ.get("CLAMAV_DATABASE"))


def make_database(folder: Path) -> Path:
    """The folder clamd reads its signatures from: CLAMAV_DATABASE, else `folder`, with the test signatures alone.

    Raises StackError for a CLAMAV_DATABASE with nothing to load in it.
    """
    if has_real_signatures():
        database = Path(os.environ["CLAMAV_DATABASE"]).resolve()
        if not any(any(database.glob(kind)) for kind in _LOADABLE):
            raise StackError(f"CLAMAV_DATABASE: no signatures in {database}: run freshclam, or leave the variable out.")
        return database
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(SIGNATURES, folder / SIGNATURES.name)
    return folder
