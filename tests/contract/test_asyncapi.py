"""The description for machines is valid for AsyncAPI's official parser, and the parser does refuse what is not."""

import shutil
from pathlib import Path

import pytest
from contracts.__main__ import FOLDER

from tests.support import nodejs


@pytest.fixture(scope="module", autouse=True)
def parser() -> None:
    nodejs.install()


async def test_the_official_parser_finds_nothing_wrong() -> None:
    assert await nodejs.run("asyncapi.js", str(FOLDER / "asyncapi.yaml"), within=110) == ""


async def test_it_finds_what_is_wrong(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "schemas", tmp_path / "schemas")
    text = (FOLDER / "asyncapi.yaml").read_text(encoding="utf-8").replace("action: send", "action: shout", 1)
    (tmp_path / "asyncapi.yaml").write_text(text, encoding="utf-8")
    assert "action" in await nodejs.run("asyncapi.js", str(tmp_path / "asyncapi.yaml"), within=110)
