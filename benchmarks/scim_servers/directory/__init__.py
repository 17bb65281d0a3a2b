"""The users of the site, as an application of Django."""
