"""`python -m contracts generate | check | release`: the files made from the models, in the folder beside the package.

`generate` writes `schemas/` and `asyncapi.yaml`; `check` says what differs from the models, and what breaks a reader of
the schemas last released; `release` takes the schemas as released, unless they break one. Needs PyYAML (extra
`generate`); works on a source tree only.
"""

import json
import sys
from pathlib import Path

import yaml

from contracts.asyncapi import asyncapi
from contracts.compatibility import breaking_changes
from contracts.schemas import schema_files

FOLDER = Path(__file__).parent.parent


def generated() -> dict[str, str]:
    """Every generated file's path, relative to the folder, and its text."""
    files = {f"schemas/{name}": text for name, text in schema_files().items()}
    notice = "# Generated from the models by `python -m contracts generate`.\n"
    document = yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120)
    return {**files, "asyncapi.yaml": notice + document}


def differences(folder: Path) -> list[str]:
    """What in the folder is not as the models say."""
    wanted = generated()
    there = {f"schemas/{path.name}" for path in (folder / "schemas").glob("*.json")} | {"asyncapi.yaml"}
    missing = [f"{name}: is missing" for name in sorted(wanted.keys() - there)]
    surplus = [f"{name}: belongs to no event" for name in sorted(there - wanted.keys())]
    stale = [
        f"{name}: differs from the models"
        for name, text in wanted.items()
        if (folder / name).exists() and (folder / name).read_text(encoding="utf-8") != text
    ]
    return missing + surplus + stale


def breaks(folder: Path) -> list[str]:
    """What in the models breaks a reader of the released schemas."""
    now = schema_files()
    found: list[str] = []
    for path in sorted((folder / "released").glob("*.json")):
        if path.name not in now:
            found.append(f"{path.name}: the event is gone")
            continue
        changes = breaking_changes(json.loads(path.read_text(encoding="utf-8")), json.loads(now[path.name]))
        found += [f"{path.name}: {change}" for change in changes]
    return found


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def main(command: str, folder: Path) -> int:
    """Run one command; returns the exit status."""
    if command == "generate":
        _write(folder, generated())
        return 0
    problems = breaks(folder) + (differences(folder) if command == "check" else [])
    if command == "release" and not problems:
        _write(folder / "released", schema_files())
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("generate", "check", "release"):
        sys.exit("usage: python -m contracts generate|check|release")
    sys.exit(main(sys.argv[1], FOLDER))
