"""The reference central platform. Imports nothing of the product."""
