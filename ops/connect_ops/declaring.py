"""The contract's streams and buckets on a broker: what differs, and what makes it so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contracts.streams import BUCKETS, STREAMS, Bucket, Stream
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError


@dataclass(frozen=True)
class Change:
    """What is to be otherwise of a stream, by field: what it is and what it will be; `there` is None for one that is
    not there. `loses` says why its messages, or some that come, would be lost."""

    wanted: Stream | Bucket
    there: StreamConfig | None
    differs: Mapping[str, tuple[Any, Any]]
    loses: str | None = None

    @property
    def name(self) -> str:
        """The stream's name."""
        return _name(self.wanted)


async def changes(jetstream: JetStreamContext, *, replicas: int | None = None) -> Sequence[Change]:
    """What an `apply` would do. Without `replicas`, those of a stream that is there stay."""
    found = [await _change(jetstream, wanted, replicas) for wanted in (*STREAMS, *BUCKETS)]
    return [each for each in found if each.there is None or each.differs]


async def apply(jetstream: JetStreamContext, change: Change, *, replicas: int | None = None) -> None:
    """Do it, whatever it loses."""
    wanted, copies = change.wanted, replicas or change.wanted.replicas
    if change.there:
        await jetstream.update_stream(replace(change.there, **{name: new for name, (_, new) in change.differs.items()}))
    elif isinstance(wanted, Stream):
        await jetstream.add_stream(
            StreamConfig(name=wanted.name, storage=StorageType.FILE, **_settings(wanted, copies))
        )
    else:
        await jetstream.create_key_value(
            KeyValueConfig(
                bucket=wanted.name, ttl=wanted.ttl or None, storage=StorageType.FILE, replicas=copies, direct=True
            )
        )


async def _change(jetstream: JetStreamContext, wanted: Stream | Bucket, replicas: int | None) -> Change:
    try:
        there = (await jetstream.stream_info(_name(wanted))).config
    except NotFoundError:
        return Change(wanted, None, {})
    settings = _settings(wanted, replicas or there.num_replicas or wanted.replicas)
    is_now = {name: _plain(getattr(there, name)) for name in settings}
    differs = {name: (is_now[name], new) for name, new in settings.items() if is_now[name] != new}
    return Change(wanted, there, differs, _loss(differs))


def _settings(wanted: Stream | Bucket, replicas: int) -> dict[str, Any]:
    if isinstance(wanted, Bucket):
        return {"max_age": wanted.ttl, "max_msgs_per_subject": 1, "num_replicas": replicas, "allow_direct": True}
    return {
        "subjects": list(wanted.subjects),
        "retention": (RetentionPolicy.WORK_QUEUE if wanted.work_queue else RetentionPolicy.LIMITS).value,
        "max_age": wanted.max_age,
        "max_bytes": wanted.max_bytes or -1,
        "duplicate_window": wanted.duplicate_window,
        "allow_msg_schedules": wanted.schedules,
        "num_replicas": replicas,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, RetentionPolicy):
        return value.value
    return False if value is None else value


def _loss(differs: Mapping[str, tuple[Any, Any]]) -> str | None:
    for name, (old, new) in differs.items():
        if name == "retention":
            return "another retention drops messages"
        if name == "subjects" and set(old or ()) - set(new):
            return "what is published on the subjects that go would be stored nowhere"
        if name in ("max_age", "max_bytes") and new > 0 and (old <= 0 or new < old):
            return f"a lower {name} drops messages"
    return None


def _name(wanted: Stream | Bucket) -> str:
    return wanted.name if isinstance(wanted, Stream) else f"KV_{wanted.name}"
