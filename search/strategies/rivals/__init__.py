"""Proposes as well-known general optimisers do, for comparison."""
