"""A stand-in for Confluence Data Center: the REST dialect "v1" as clients meet it."""
