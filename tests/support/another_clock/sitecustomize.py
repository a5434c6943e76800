"""What makes a Python process, that finds this folder in its PYTHONPATH, tell the time `CLOCK_AHEAD` seconds ahead.

It is imported before anything else, so whoever imports `datetime` after it gets the class below; what pydantic or the
database's driver makes is of the real one, and counts as an instance of it all the same.
"""

import datetime as module
import os
import time
from datetime import datetime, timedelta, tzinfo

_AHEAD = float(os.environ["CLOCK_AHEAD"])
_told = time.time


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class _Ahead(datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=_AHEAD)


time.time = lambda: _told() + _AHEAD
module.datetime = _Ahead  # type: ignore[misc]
