"""The committed OpenAPI documents are those of the routes, and describe every route that is meant for other systems."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.openapi import FOLDER, documents

RIGHTS = Path(__file__).parents[1] / "integration" / "who_may_what.md"
# Ways round for old clients of what is described under its own method.
_LEFT_OUT = {"POST /uploads/{document}"}


def _operations(service: str) -> list[tuple[str, dict[str, Any]]]:
    paths = json.loads(documents()[f"{service}.json"])["paths"]
    return [(f"{method.upper()} {path}", each) for path, methods in paths.items() for method, each in methods.items()]


def test_the_committed_documents_are_those_of_the_routes() -> None:
    assert {each.name: each.read_text(encoding="utf-8") for each in FOLDER.iterdir()} == documents(), "`make openapi`"


def test_every_route_of_the_interfaces_is_described() -> None:
    """The table of rights has every route there is."""
    rows = [line.split("|")[2:4] for line in RIGHTS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    served = {f"{method.strip()} {path.strip().partition('?')[0]}".replace(":path", "") for method, path in rows}
    interfaces = {each for each in served if each.split()[1].startswith(("/api/", "/uploads"))}
    described = {name for service in ("upload", "catalog") for name, _ in _operations(service)}
    assert described == interfaces - _LEFT_OUT


@pytest.mark.parametrize("service", ["upload", "catalog"])
def test_every_operation_says_who_may_ask_and_how_it_refuses(service: str) -> None:
    for name, operation in _operations(service):
        assert operation["summary"], name
        if operation.get("security") == []:
            continue
        assert {"401", "503"} <= operation["responses"].keys(), name
        for status, answer in operation["responses"].items():
            if status >= "400" and status != "416":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
