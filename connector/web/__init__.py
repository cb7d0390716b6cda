"""Faces over HTTP: the door that takes webhooks, and whether we are alive and ready."""
