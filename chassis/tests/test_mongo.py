"""What counts as the database being away."""

import pytest
from chassis.errors import Unavailable
from chassis.mongo import translated
from pymongo.errors import BulkWriteError, NetworkTimeout, WriteConcernError, WTimeoutError


def test_writes_no_majority_has_confirmed_in_time_are_unavailable() -> None:
    late = BulkWriteError(
        {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication"}]}
    )
    for error in (late, NetworkTimeout()):
        with pytest.raises(Unavailable), translated():
            raise error


@pytest.mark.parametrize(
    "unconfirmed",
    [WTimeoutError("waiting for replication", 64), WriteConcernError("the server is in quiesce mode", 91)],
)
def test_a_write_that_was_not_confirmed_is_unavailable_whatever_kept_it(unconfirmed: WriteConcernError) -> None:
    with pytest.raises(Unavailable), translated():
        raise unconfirmed


def test_a_refused_write_among_many_is_no_outage() -> None:
    refused = BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []})
    with pytest.raises(BulkWriteError), translated():
        raise refused
