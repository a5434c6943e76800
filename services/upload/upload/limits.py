"""What intake says where a limit is reached, and how long it keeps count. Nothing of whoever is refused is lost: what
was received stays, and goes on from there."""

from collections.abc import Mapping
from datetime import timedelta

from chassis.limits import Limit

from upload.model import EXPIRES_AFTER

REASONS: Mapping[Limit, str] = {
    "requests": "Trop de demandes en peu de temps. Le transfert reprendra dans quelques instants.",
    "transfers": "Trop de fichiers sont envoyés en même temps. Le transfert reprendra dans quelques instants.",
    "uploads": "Trop de transferts sont commencés sans être terminés. Terminez-les ou annulez-les.",
    "bytes": "Le volume accepté en une journée est atteint. Le transfert reprendra plus tard.",
}
# As long as an upload may be open after the last request for it.
COUNTS_KEPT = EXPIRES_AFTER + timedelta(days=1)
