"""Intake's own metrics."""

from prometheus_client import Counter, Gauge, Histogram

FINISHED = Counter("connect_uploads_finished_total", "Uploads that came to their end, by which.", ["outcome"])
RECEIVED_BYTES = Counter("connect_upload_received_bytes_total", "Bytes of files received.")
SCANNER_PRESENT = Gauge("connect_upload_scanner_present", "1 when files are scanned for viruses, 0 when they are not.")
SCANS = Counter("connect_upload_scans_total", "Files handed to the virus scanner, by what came of it.", ["outcome"])
SCAN_SECONDS = Histogram(
    "connect_upload_scan_seconds",
    "Seconds until the virus scanner answered.",
    buckets=(0.002, 0.01, 0.05, 0.25, 1, 5, 30, 120),
)
