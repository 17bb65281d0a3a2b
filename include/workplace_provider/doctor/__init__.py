"""The command ``workplace doctor``: find what is missing or wrong in an installation."""
