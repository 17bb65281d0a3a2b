"""Confluence, Data Center and Cloud: client, pages, publishing, export, and what Airflow sees of them."""
