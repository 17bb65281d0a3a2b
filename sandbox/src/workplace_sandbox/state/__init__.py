"""The state of the sandbox, one module for each subject; ``workplace_sandbox.store`` puts them together."""
