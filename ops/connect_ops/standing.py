"""How a document stands in each place, and where the places differ. Nothing here does I/O.

Of two places that differ one is always the truth: the GED for the bytes, the stream for what happened, the records for
nothing that these do not say. So what is missing is told again to the one who lacks it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from upload.model import FINISHED

from connect_ops.journey import ANNOUNCING

Kind = Literal[
    "unannounced",
    "not_in_catalog",
    "not_in_ledger",
    "not_moved",
    "not_locked",
    "untold",
    "left_in_staging",
    "still_there",
    "given_up",
    "lost",
    "orphan",
    "remnant",
]


@dataclass(frozen=True)
class Ledger:
    """What ged-mover's record says."""

    archived: bool = False
    given_up: bool = False
    withdrawn: bool = False
    locked: bool = False


@dataclass
class Standing:
    """One document. `upload` is intake's state of it; `catalog` whether the serving generation has a record, and
    `archived` whether that says so; `events` the last sequence of each event; `versions` counts those in the GED;
    `latest` is when anything of it last changed in stream or GED, or was decided."""

    document: str
    office: str | None = None
    client: str | None = None
    upload: str | None = None
    catalog: bool = False
    archived: bool = False
    decision: str | None = None
    ledger: Ledger | None = None
    events: dict[str, int] = field(default_factory=dict)
    sequences: list[int] = field(default_factory=list)
    versions: int = 0
    is_staged: bool = False
    latest: datetime | None = None

    @property
    def is_announced(self) -> bool:
        """Whether the stream tells of it."""
        return not ANNOUNCING.isdisjoint(self.events)

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was withdrawn, as far as anybody knows."""
        known = self.decision == "withdrawn" or bool(self.ledger and self.ledger.withdrawn)
        return known or not {"withdrawn", "erased"}.isdisjoint(self.events)

    @property
    def is_finished(self) -> bool:
        """Whether intake has it whole, as far as its record says."""
        return self.upload in FINISHED


@dataclass(frozen=True)
class Telling:
    """What mends a difference: these messages of the stream told to one subscription alone."""

    service: str
    subscription: str
    sequences: Sequence[int]


@dataclass(frozen=True)
class Difference:
    """One difference. What `mend` says is done by `--mend`: `announce` makes the announcing event again; None needs a
    person."""

    document: str
    kind: Kind
    what: str
    mend: Telling | Literal["announce"] | None = None


def differences(standing: Standing, *, generation: int) -> list[Difference]:
    """Where the places differ about one document; `generation` is the catalog's that serves."""
    if standing.upload not in (None, *FINISHED) and not standing.versions:
        return []  # no document yet, or never: intake's own sweeper sees to it
    if standing.is_withdrawn:
        return list(_erasure(standing))
    if not standing.is_announced:
        return list(_unannounced(standing))
    return [*_catalog(standing, generation), *_archive(standing), *_decided(standing)]


def _erasure(standing: Standing) -> Iterator[Difference]:
    if standing.versions or standing.is_staged:
        what = "it was withdrawn, and a bucket still has it"
        yield Difference(standing.document, "still_there", what, _mover(standing, "ged-mover-erasures", "withdrawn"))
    elif "withdrawn" in standing.events and "erased" not in standing.events:
        what = "it was withdrawn and is nowhere, and the stream does not tell that it was erased"
        yield Difference(standing.document, "untold", what, _mover(standing, "ged-mover-erasures", "withdrawn"))


def _unannounced(standing: Standing) -> Iterator[Difference]:
    document = standing.document
    if standing.versions:
        yield Difference(document, "unannounced", "the GED has it, and the stream does not tell of it", "announce")
    elif standing.is_finished and standing.is_staged:
        yield Difference(document, "unannounced", "intake has it, and the stream does not tell of it", "announce")
    elif standing.is_finished:
        yield Difference(document, "lost", "intake acknowledged it, and neither bucket has it")
    elif standing.is_staged:
        yield Difference(document, "orphan", "staging has it, and nothing tells whose it is")
    elif standing.catalog or standing.ledger:
        yield Difference(document, "remnant", "records tell of it, and neither the stream nor a bucket has it")


def _catalog(standing: Standing, generation: int) -> Iterator[Difference]:
    if standing.catalog and (standing.archived or "archived" not in standing.events):
        return
    what = "the catalog lacks what the stream tells of it"
    telling = Telling("catalog", f"catalog-projection-g{generation}", tuple(standing.sequences))
    yield Difference(standing.document, "not_in_catalog", what, telling)


def _archive(standing: Standing) -> Iterator[Difference]:
    document, ledger, moves = standing.document, standing.ledger, _mover(standing, "ged-mover-moves", *ANNOUNCING)
    if not standing.versions:
        if not standing.is_staged:
            yield Difference(document, "lost", "neither bucket has it: restore it from a copy of the store")
        elif ledger and ledger.given_up:
            yield Difference(document, "given_up", "its move was given up: see `connect-ops dead list`")
        else:
            yield Difference(document, "not_moved", "it lies in staging, and not in the GED", moves)
        return
    if "archived" not in standing.events or ledger is None or not ledger.archived:
        yield Difference(document, "not_in_ledger", "the GED has it, and ged-mover has not noted or not told it", moves)
    elif standing.is_staged:
        cleanup = _mover(standing, "ged-mover-cleanup", "archived")
        yield Difference(document, "left_in_staging", "it lies in the GED, and in staging too", cleanup)
    if "taken" in standing.events and not (ledger and ledger.locked and "retained" in standing.events):
        what = "it was taken in charge, and ged-mover has not locked it or not told it"
        yield Difference(document, "not_locked", what, _mover(standing, "ged-mover-retention", "taken"))


def _decided(standing: Standing) -> Iterator[Difference]:
    if standing.decision in ("taken", "returned") and standing.decision not in standing.events:
        what = f"the catalog decided that it is {standing.decision}, and the stream does not tell of it"
        yield Difference(standing.document, "untold", what)


def _mover(standing: Standing, subscription: str, *events: str) -> Telling | None:
    sequences = tuple(standing.events[event] for event in sorted(events) if event in standing.events)
    return Telling("ged-mover", subscription, sequences) if sequences else None
