"""The catalog's own metrics."""

from prometheus_client import Gauge

JOURNAL_BROKEN = Gauge(
    "connect_catalog_journal_broken", "1 where the journal was found not to be whole, and not sealed."
)
JOURNAL_SEALED = Gauge("connect_catalog_journal_sealed_timestamp_seconds", "When the journal was last sealed.")
JOURNAL_SEALED_ENTRIES = Gauge("connect_catalog_journal_sealed_entries", "The last entry that a seal closes.")
JOURNAL_ENTRIES = Gauge(
    "connect_catalog_journal_entries", "Entries of the audit trail's journal, as last written or looked at here."
)
JOURNAL_VERIFIED = Gauge(
    "connect_verified_journal_timestamp_seconds", "When all entries and seals were last found whole by this process."
)
JOURNAL_VERIFIED_ENTRIES = Gauge("connect_verified_journal_entries", "How many entries were found whole then.")
