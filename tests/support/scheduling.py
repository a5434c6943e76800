"""How tests are shared between workers: a file stays on one, and what needs the whole stack stays together."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships none

_WHOLE_STACK = ("tests/e2e/", "tests/chaos/")


class ByNeed(LoadScopeScheduling):  # type: ignore[misc]
    """The marker `xdist_group` would say the same, but pytest 9.2 no longer lets xdist 3.8 see it."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(_WHOLE_STACK) else nodeid.partition("::")[0]
