"""A directory file on disk, for the commands that import one."""

from pathlib import Path

from catalog import directory_import
from catalog.directory_import import FaultyFile
from catalog.directory_rules import Reading


class Unreadable(Exception):
    """There is no such file, or it is no text; says why, in words."""


def read_file(file: Path) -> Reading:
    """The rows of a `.json` file, or of a CSV file of any other name. Raises Unreadable."""
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Unreadable(f"{file}: line {line}: not UTF-8. Nothing was imported.") from None
    return directory_import.read(text, json=file.suffix.lower() == ".json")


def faults_of(file: Path, faulty: FaultyFile) -> list[str]:
    """What is wrong with it, a line each."""
    lines = []
    for fault in faulty.faults:
        line = f"line {fault.line}: " if fault.line else ""
        place = f"{fault.place}: " if fault.place else ""
        lines.append(f"{file}: {line}{place}{fault.reason}")
    return [*lines, f"{len(faulty.faults)} faults. Nothing was imported."]
