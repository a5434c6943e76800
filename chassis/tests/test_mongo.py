"""What counts as the database being away."""

import pytest
from chassis.errors import Unavailable
from chassis.mongo import translated
from pymongo.errors import BulkWriteError, NetworkTimeout


def test_writes_no_majority_has_confirmed_in_time_are_unavailable() -> None:
    late = BulkWriteError(
        {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "waiting for replication"}]}
    )
    for error in (late, NetworkTimeout()):
        with pytest.raises(Unavailable), translated():
            raise error


def test_a_refused_write_among_many_is_no_outage() -> None:
    refused = BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []})
    with pytest.raises(BulkWriteError), translated():
        raise refused
