"""What a person sees of the sandbox in a browser: wiki pages, their history, Slack channels."""
