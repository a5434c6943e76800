"""The operator's commands: what concerns more than one service. It stands on them, and none of them on it.

What a service holds, and how that is erased, is that service's own knowledge (`<service>/erasure.py`).
"""
