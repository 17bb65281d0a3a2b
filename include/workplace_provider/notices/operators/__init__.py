"""The operator that posts what is new on a notice board."""
