"""`python -m catalog directory …` on a real nats-server, and its readers elsewhere."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.running import RunningStack

HEADER = "office,client,client_name,kind,sub,name,email,role"


class Command:
    """Runs the command as the catalog's own user; `office` is one that no other test writes."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env = {**os.environ, **env}
        self.folder = folder
        self.office = f"d{uuid.uuid4().hex[:10]}"

    async def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Exit status, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catalog", "directory", *arguments),
            env={**self.env, **(env or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode or 0, output.decode(), errors.decode()

    def csv(self, *lines: str) -> str:
        """A file of these lines, `O` standing for the office."""
        path = self.folder / f"{uuid.uuid4()}.csv"
        path.write_text("\n".join((HEADER, *lines)).replace("O,", f"{self.office},"), "utf-8")
        return str(path)

    async def shown(self) -> dict[str, object]:
        """What the directory holds of this office."""
        status, output, _ = await self.run("show")
        assert status == 0
        lines = (line.split("\t") for line in output.splitlines())
        return {key: json.loads(value) for key, value in lines if f".{self.office}" in key}


OFFICE = "O,,,office,,CERFRANCE O,accueil@o.example,"
ACCOUNTANT = "O,,,collaborator,jj-{0},JEANNY JEROME,jj@o.example,"
OWNER = "O,chene,EARL du Chêne,client,chene-{0},EARL du Chêne,contact@chene.example,"
CONTACT = "O,chene,EARL du Chêne,contact,jj-{0},JEANNY JEROME,jj@o.example,comptable"


@pytest.fixture
def command(servers: RunningStack, tmp_path: Path) -> Command:
    return Command(servers.env("catalog"), tmp_path)


def whole(command: Command) -> tuple[str, ...]:
    return tuple(line.format(command.office) for line in (OFFICE, ACCOUNTANT, OWNER, CONTACT))


async def test_a_file_is_imported_and_imported_again_changes_nothing(command: Command) -> None:
    file = command.csv(*whole(command))
    assert await command.run("import", file) == (
        0,
        "offices: 1 written, 0 unchanged; clients: 1 written, 0 unchanged; people: 1 written, 0 unchanged\n",
        "",
    )
    held = await command.shown()
    assert sorted(held) == [
        f"clients.{command.office}.chene",
        f"offices.{command.office}",
        f"people.{command.office}.jj-{command.office}",
    ]
    assert (await command.run("import", file))[1] == (
        "offices: 0 written, 1 unchanged; clients: 0 written, 1 unchanged; people: 0 written, 1 unchanged\n"
    )
    assert await command.shown() == held


async def test_a_file_with_a_bad_row_is_reported_by_line_and_nothing_of_it_is_imported(command: Command) -> None:
    file = command.csv(*whole(command), "O,pont,Pont,contact,,X,no-address,autre", "O,,,chef,x,X,x@x.example,")
    status, output, errors = await command.run("import", file)
    assert (status, output) == (1, "")
    assert errors.splitlines() == [
        f"{file}: line 6: email is not an e-mail address",
        f"{file}: line 7: kind must be one of office, collaborator, admin, client, contact",
        "2 faults. Nothing was imported.",
    ]
    assert await command.shown() == {}


async def test_a_dry_run_writes_nothing(command: Command) -> None:
    status, output, _ = await command.run("import", command.csv(*whole(command)), "--dry-run")
    assert status == 0
    assert output.endswith("(dry run: nothing was written)\n")
    assert await command.shown() == {}


async def test_what_is_shown_can_be_imported_again_as_json(command: Command) -> None:
    await command.run("import", command.csv(*whole(command)))
    held: dict[str, list[object]] = {}
    for key, value in (await command.shown()).items():
        held.setdefault(key.split(".")[0], []).append(value)
    path = command.folder / "directory.json"
    path.write_text(json.dumps(held), "utf-8")
    assert (await command.run("import", str(path)))[1].count("0 written, 1 unchanged") == 3


async def test_who_has_left_is_removed_and_an_unknown_key_removes_nobody(command: Command) -> None:
    await command.run("import", command.csv(*whole(command)))
    person = f"people.{command.office}.jj-{command.office}"
    assert (await command.run("remove", person, "people.14.nobody-at-all"))[0] == 1
    assert person in await command.shown()
    assert (await command.run("remove", person))[0] == 0
    assert person not in await command.shown()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (HEADER.encode() + b"\n14,,,office,,Ch\xeane,a@b.example,", "line 2: not UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_read_is_one_clear_line(
    command: Command, content: bytes | None, reason: str
) -> None:
    path = command.folder / "any.csv"
    if content:
        path.write_bytes(content)
    status, _, errors = await command.run("import", str(path))
    assert status == 1
    assert reason in errors
    assert "Traceback" not in errors


async def test_without_a_broker_the_command_says_to_come_back(command: Command) -> None:
    file = command.csv(*whole(command))
    status, _, errors = await command.run("import", file, env={"CATALOG_NATS_URL": "nats://127.0.0.1:9"})
    assert status == 3
    assert "cannot be reached" in errors
    assert "Traceback" not in errors
