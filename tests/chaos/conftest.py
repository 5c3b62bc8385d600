"""Clusters of real processes, as the tests of the terminal have them."""

from __future__ import annotations

from e2e.conftest import cluster, new_cluster

__all__ = ["cluster", "new_cluster"]
