"""A deposit, from the first byte to the accountant's mail and the GED."""

from functools import partial

import pytest

from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox
from tests.support.people import Person
from tests.support.running import RunningStack
from tests.support.samples import invoice
from tests.support.store import Store
from tests.support.tus import Deposit, LineDropped

ACCOUNTANT = "jeanny.jerome@cerfrance-14.example"


async def test_a_deposit_is_listed_archived_alerted_and_leaves_staging(
    depositor: Person, mailbox: Mailbox, store: Store
) -> None:
    sample = invoice("facture_coop_012020", size=90_000)
    document = await depositor.tus.deposit(sample, to=Deposit())

    listed = await eventually(lambda: depositor.portal.document(document))
    assert (listed["name"], listed["size"], listed["folder"]) == (sample.name, sample.size, "comptable")
    archived = await eventually(lambda: depositor.portal.archived(document))
    assert archived["sha256"] == sample.sha256

    stored = await store.archived(f"14/earl-du-chene/{document}")
    assert (stored.sha256, stored.encryption) == (sample.sha256, "AES256")
    assert await store.versions(f"14/earl-du-chene/{document}") == {f"14/earl-du-chene/{document}": 1}
    assert stored.version not in (None, "", "null")
    assert await depositor.portal.content(document) == sample.content

    (mail,) = await eventually(lambda: mailbox.naming(sample.name))
    assert ACCOUNTANT in mail.to
    assert mail.auto_submitted == "auto-generated"
    assert sample.name in mail.html
    await eventually(lambda: _gone(store, document))


async def test_twenty_files_in_one_deposit_make_one_mail_of_twenty_lines(depositor: Person, mailbox: Mailbox) -> None:
    deposit = Deposit(size=20)
    samples = [invoice(f"vingt_{number:02}") for number in range(1, 21)]
    documents = [await depositor.tus.deposit(sample, to=deposit) for sample in samples]
    for document in documents:
        await eventually(partial(depositor.portal.archived, document), within=20)

    (mail,) = await eventually(lambda: mailbox.naming(samples[-1].name), within=20)
    for sample in samples:
        assert await mailbox.naming(sample.name) == [mail]
        assert sum(sample.name in line for line in mail.text.splitlines()) == 1


async def test_a_ticked_contact_gets_a_mail_of_its_own(depositor: Person, mailbox: Mailbox) -> None:
    paul = next(each for each in await depositor.portal.contacts() if each["role"] == "autre")
    sample = invoice("alerte_contact")
    await depositor.tus.deposit(sample, to=Deposit(alert=(paul["id"],)))

    async def both() -> bool:
        return len(await mailbox.naming(sample.name)) == 2

    await eventually(both, within=15)
    recipients = sorted(mail.to for mail in await mailbox.naming(sample.name))
    assert ACCOUNTANT in recipients[0]
    assert "paul@earl-du-chene.example" in recipients[1]


async def test_an_upload_cut_in_the_middle_and_resumed_by_another_replica_arrives_identical(
    depositor: Person, store: Store, stack: RunningStack
) -> None:
    first, second = stack.endpoints["replicas"]["upload"]
    sample = invoice("coupure", size=20_000_000)
    path = await depositor.tus.at(first).create(sample, Deposit().metadata(sample))
    cut = 11_234_567
    with pytest.raises(LineDropped):
        await depositor.tus.at(first).send_cut(path, sample.content, until=cut)

    offset = await eventually(lambda: depositor.tus.at(second).offset(path), within=10)
    assert offset is not None
    assert 0 < offset <= cut
    document = await depositor.tus.at(second).finish(path, sample)

    await eventually(lambda: depositor.portal.archived(document), within=20)
    assert (await store.archived(f"14/earl-du-chene/{document}")).sha256 == sample.sha256
    assert await depositor.portal.content(document) == sample.content


async def _gone(store: Store, document: str) -> bool:
    return not any(document in key for key in await store.staged())
