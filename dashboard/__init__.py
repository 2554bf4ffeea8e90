"""The customer-value dashboard: who gets which level of service."""

__version__ = "0.1.0"
