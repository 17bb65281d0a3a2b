"""A stand-in for Tableau Server and Tableau Cloud: sessions, lists of workbooks and views, and exports. It is read-only."""

TABLEAU_PATH = "/tableau"
"""Where Tableau Server is on the sandbox."""

CLOUD_PATH = "/tableau-cloud"
"""Where Tableau Cloud is on the sandbox."""
