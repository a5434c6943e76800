"""What is measured, not tested: figures of one machine, on a stack of its own."""
