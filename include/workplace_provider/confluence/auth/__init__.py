"""Check of the credential of a Confluence Cloud site, and the scopes that its calls need."""
