"""Message queues, as the triggers of ``apache-airflow-providers-common-messaging`` find them by their scheme."""
