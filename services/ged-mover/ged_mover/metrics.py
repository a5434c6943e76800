"""What the mover counts besides what every service does."""

from prometheus_client import Counter

MOVED_BYTES = Counter("connect_ged_moved_bytes_total", "Bytes written to the GED.")
GIVEN_UP = Counter("connect_ged_given_up_total", "Moves given up, by reason.", ["code"])
OVERDUE = Counter("connect_ged_overdue_total", "Moves told to be in trouble.")
