"""Who submits and pays in tests of services under attack."""

from tests.payers import front, payer

__all__ = ["front", "payer"]
