"""Who submits and pays in tests of whole services."""

from tests.payers import front, payer

__all__ = ["front", "payer"]
