"""Operators that read channels, post messages and answer what people ask."""
