"""A stand-in for Tableau Server and Tableau Cloud: sessions, lists of workbooks and views, and exports. It is read-only."""

TABLEAU_PATH = "/tableau"
"""The path of Tableau Server on the sandbox."""

CLOUD_PATH = "/tableau-cloud"
"""The path of Tableau Cloud on the sandbox."""
