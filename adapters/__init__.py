"""One folder a platform. Nobody imports these; `connector.accounts` loads them by name from settings."""
