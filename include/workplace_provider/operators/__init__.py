"""Operators: one line in a DAG each."""
