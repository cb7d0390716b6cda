"""Greenhouse Recruiting: Harvest v3 and recruiting webhooks."""
