"""How long the record of a file is kept that never became a document."""

from datetime import timedelta

from upload import model
from upload.errors import Refused

from tests.suites.uploads import an_upload

REFUSAL = Refused("encrypted", "Ce PDF est protégé par un mot de passe.")


def test_a_refused_and_an_abandoned_file_are_forgotten_after_thirty_days() -> None:
    upload = an_upload()
    now = upload.created_at
    for ended in (model.refused(upload, REFUSAL, now=now), model.abandoned(upload, cause="expired", now=now)):
        assert ended.purge_at == now + timedelta(days=30)


def test_a_file_that_stays_unfinished_expires_seven_days_after_its_last_byte() -> None:
    upload = an_upload()
    now = upload.created_at
    assert model.received(upload, offset=1, parts=(), tail=None, now=now).due == now + timedelta(days=7)
