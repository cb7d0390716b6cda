"""Lever: opportunities, postings and people through the Data API v1, ten webhook events, tags, notes and sources."""
