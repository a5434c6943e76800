"""What is printed for NATS servers of somebody's own is what the local stack runs with."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from connect_ops.accounts import account_block

from deploy.accounts import PASSWORDS, main

# What a password may hold that the configuration's language takes for its own.
_PASSWORDS = {name: f'{user} "$NAME" {{}} \\ # <é&\'' for user, name in PASSWORDS.items()}


def _check(accounts: str, folder: Path) -> None:
    (folder / "accounts.conf").write_text(accounts, encoding="utf-8")
    (folder / "nats.conf").write_text("jetstream {}\ninclude accounts.conf\n", encoding="utf-8")
    server = Path(sys.executable).parent / "nats-server"
    checked = subprocess.run(
        [server, "-t", "-c", folder / "nats.conf"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_nats_takes_it_with_whatever_passwords(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], env=_PASSWORDS) == 0
    accounts = capsys.readouterr().out
    _check(accounts, tmp_path)
    assert re.findall(r"^ +user: (\S+)", accounts, re.MULTILINE) == ["ops", "upload", "ged-mover", "notify", "catalog"]


def test_another_systems_account_goes_in_as_it_was_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = tmp_path / "crm-14.conf"
    block.write_text(account_block("crm-14", "made-up"), encoding="utf-8")
    assert main([str(block)], env=_PASSWORDS) == 0
    accounts = capsys.readouterr().out
    assert block.read_text(encoding="utf-8") in accounts
    _check(accounts, tmp_path)


def test_without_a_password_nothing_is_printed_but_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], env={**_PASSWORDS, "GED_MOVER_NATS_PASSWORD": ""}) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "error: not set: GED_MOVER_NATS_PASSWORD\n")
