"""A stand-in for Confluence Data Center: the REST dialect "v1"."""
