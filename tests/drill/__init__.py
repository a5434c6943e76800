"""What is lost on purpose, and brought back: `make drill`."""
