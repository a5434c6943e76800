"""A subscriber's user is told with its rights, and no name or office makes it somebody else's."""

import argparse
import asyncio
import io
import json
from typing import Any

import pytest
from connect_ops.__main__ import main
from connect_ops.accounts import exports_block
from connect_ops.settings import OpsSettings
from connect_ops.subscriber import add_subscriber, new_subscriber, remove_subscriber, tell_subscriber
from contracts.subscribers import passages
from rich.console import Console


def _print(name: str, office: str, *, as_json: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, highlight=False, soft_wrap=True)
    tell_subscriber(new_subscriber(name, office), "nats://nats:4222", console, as_json=as_json)
    return out.getvalue()


def test_it_prints_an_account_for_the_servers_and_variables_for_the_program() -> None:
    told = _print("crm", "14")
    there, here = "$JS.API.CONSUMER.INFO.CONNECT_DOCUMENTS.crm-14", "CONNECT.API.CONSUMER.INFO.CONNECT_DOCUMENTS.crm-14"
    assert f'service: {{ account: CONNECT, subject: "{there}" }}, to: "{here}"' in told
    assert 'subscribe: ["_INBOX_crm-14.>"]' in told
    variables = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("NATS_"))
    assert variables.keys() == {"NATS_USER", "NATS_PASSWORD", "NATS_URL"}
    assert f'password: "{variables["NATS_PASSWORD"]}"' in told


def test_it_reaches_nothing_that_the_platform_s_account_does_not_export_and_no_way_to_declare_a_consumer() -> None:
    exported = {each.there for each in passages("*")}
    assert {each.there.replace("crm-14", "*") for each in passages("crm-14")} == exported
    assert all(json.dumps(subject) in exports_block() for subject in exported)
    assert not [each for each in exported if "CREATE" in each or "DELETE" in each]


def test_for_programs_it_is_json() -> None:
    report: dict[str, Any] = json.loads(_print("crm", "14", as_json=True))
    assert (report["user"], report["durable"], report["filter"]) == ("crm-14", "crm-14", "connect.v1.documents.*.14")
    assert len(report["publish"]) == 4


def test_no_two_have_one_password() -> None:
    assert new_subscriber("crm", "14")["password"] != new_subscriber("crm", "14")["password"]


@pytest.mark.parametrize(
    ("name", "office"),
    [
        *(("notify", "digests"), ("catalog", "projection-g2"), ("ged", "mover-moves"), ("upload", "settlement")),
        *(("crm-1", "4"), ("crm.x", "14"), ("*", "14"), ("CRM", "14"), ("", "14"), ("crm\n", "14")),
        *(("crm", "*"), ("crm", ">"), ("crm", "14.x"), ("crm", ""), ("crm", '14"'), ("crm", "14\n")),
    ],
)
def test_what_would_be_somebody_else_or_more_than_an_office_is_refused(
    name: str, office: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = argparse.Namespace(name=name, office=office, json=False)
    for command in (add_subscriber, remove_subscriber):
        # Without an address of the servers: it does not get that far.
        assert asyncio.run(command(arguments, OpsSettings.model_construct(), Console())) == 1
        assert "Refused" in capsys.readouterr().err


def test_its_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["subscriber", "add", "--help"])
    assert "connect-ops subscriber add crm --office 14" in capsys.readouterr().out
