"""`connect-ops verify` on the whole platform: it reads what lies in the GED, and names what does not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from chassis.s3 import S3
from chassis.settings import S3Settings

from tests.support.eventually import eventually
from tests.support.operator import connect_ops
from tests.support.people import signed_in
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit

pytestmark = pytest.mark.timeout(300)


async def verify(stack: RunningStack, *more: str) -> tuple[int, dict[str, Any]]:
    ran = await connect_ops(stack.endpoints, "verify", "--json", *more)
    return ran.status, ran.report


async def test_what_lies_in_the_ged_is_whole_and_what_is_away_is_named(
    stack: RunningStack, http: httpx.AsyncClient
) -> None:
    person = await signed_in("earl-du-chene", stack=stack, http=http)
    documents = []
    for _ in range(2):
        documents.append(await person.tus.deposit(invoice("controle"), to=Deposit()))
    lost, kept = documents

    async def are_known() -> bool:
        answers = [await verify(stack, "--document", each) for each in documents]
        return answers == [(0, {"whole": 1, "erased": 0, "wrong": []})] * 2

    await eventually(are_known, within=60)

    env = stack.endpoints["ops"]["env"]
    prefix = "CONNECT_OPS_GED__"
    settings = {name.removeprefix(prefix).lower(): env[name] for name in env if name.startswith(prefix)}
    async with S3(S3Settings.model_validate(settings)) as ged:
        key = f"14/earl-du-chene/{lost}"
        version = (await ged.call("head_object", Key=key))["VersionId"]
        await ged.call("delete_object", Key=key, VersionId=version)
    assert await verify(stack, "--document", lost) == (
        1,
        {"whole": 0, "erased": 0, "wrong": [{"document": lost, "why": "missing in the GED"}]},
    )
    assert (await verify(stack, "--document", kept))[0] == 0
    status, report = await verify(stack)
    assert (status, {each["document"] for each in report["wrong"]} & {lost, kept}) == (1, {lost})
    assert (await verify(stack, "--since", "2999-01-01")) == (0, {"whole": 0, "erased": 0, "wrong": []})
