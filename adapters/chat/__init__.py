"""Chat: notices to colleagues through a Slack-compatible incoming webhook."""
