"""The demonstration town, loaded through the services."""
