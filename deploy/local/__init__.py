"""The whole platform on one machine, with real servers under supervisord.

`python -m deploy.local up` starts it; `stack.Stack` is the same thing for tests.
"""
