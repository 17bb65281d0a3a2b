"""Systems whose accounts :mod:`workplace_provider.identity` keeps in step: SCIM, described REST services, CSV files."""
