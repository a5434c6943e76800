"""The pictures of `docs/portal.md`, taken of the real portal: `make pictures`."""
