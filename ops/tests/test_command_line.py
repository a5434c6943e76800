"""The command says what it can do, and what it lacks without showing anything of it."""

import argparse
from collections.abc import Iterator

import pytest
from connect_ops.__main__ import command_line, main

ERASE = ["erase", "client", "--office", "14", "--client", "earl-du-chene"]


def test_its_help_shows_examples_and_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["erase", "client", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "connect-ops erase client --office 14 --client earl-du-chene --yes" in told
    assert "3 not finished: run it again" in told


def commands_of(parser: argparse.ArgumentParser, *before: str) -> Iterator[str]:
    """Every command, as it is typed."""
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands_of(inner, *before, name)
    if not groups:
        yield " ".join(before)


def test_commands_of_one_word_and_of_two_are_found() -> None:
    assert {"lag", "document", "subscriber remove", "streams apply"} <= set(commands_of(command_line()))


@pytest.mark.parametrize("command", sorted(commands_of(command_line())))
def test_every_command_shows_how_it_is_called_and_how_it_ends(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"\n  connect-ops {command}" in told.partition("examples:")[2]
    assert "exit status: 0" in told
    assert "--json" in told


WRONG: tuple[list[str], ...] = (
    [],
    ["erase"],
    ["erase", "client", "--office", "14"],
    [*ERASE, "--no"],
    ["dead"],
    ["dead", "show", "x"],
    ["retention", "due", "--yes", "--over", "0"],
    ["backup", "streams", "/backup", "--keep-hourly", "0"],
)


@pytest.mark.parametrize("wrong", [*WRONG, ["lag", "--over", "many"], ["document"], ["rebuild"], ["restore"]])
def test_a_wrong_command_line_ends_with_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2


def test_what_is_missing_is_named_and_no_value_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONNECT_OPS_NATS_PASSWORD", "a-secret")
    monkeypatch.setenv("CONNECT_OPS_GED__BUCKET", "ged")
    assert main(ERASE) == 2
    told = capsys.readouterr().err
    assert "CONNECT_OPS_MONGO_URL" in told
    assert "CONNECT_OPS_GED__SECRET_KEY" in told
    assert "CONNECT_OPS_NATS_PASSWORD" not in told
    assert "a-secret" not in told
