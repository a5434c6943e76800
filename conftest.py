"""Imports the packages before pytest can take the folders `chassis/` and `contracts/` for them."""

import chassis
import contracts

__all__ = ["chassis", "contracts"]
