"""Systems with accounts: SCIM services, described REST services, CSV files."""
