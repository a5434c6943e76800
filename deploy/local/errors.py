"""What can keep the local stack from running: always one clear line for the person who started it."""


class StackError(Exception):
    """The stack cannot run. The message is a whole sentence that says what to do."""
