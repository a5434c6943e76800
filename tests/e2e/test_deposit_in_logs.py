"""A document can be followed by its id through the logs of all services."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.local.plan import SERVICES
from tests.support.eventually import eventually
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.tus import Deposit


def _lines(stack: RunningStack, service: str, document: str) -> Iterator[dict[str, Any]]:
    """What a service's replicas say of a document, under whatever key."""
    for process in stack.plan.services(service):
        for line in (stack.plan.logs / f"{process.name}.log").read_text(encoding="utf-8").splitlines():
            if document in line:
                yield json.loads(line)


async def test_every_service_names_a_document_under_the_same_key(depositor: Person, stack: RunningStack) -> None:
    document = await depositor.tus.deposit(invoice("journal"), to=Deposit(size=1))
    await eventually(lambda: depositor.portal.archived(document))

    def told() -> bool:
        return all(any(_lines(stack, service, document)) for service in SERVICES)

    await eventually(told)
    lines = [line for service in SERVICES for line in _lines(stack, service, document)]
    assert [line for line in lines if line.get("document") != document] == []
    assert {"upload_ended", "message_handled"} <= {line["event"] for line in lines}
