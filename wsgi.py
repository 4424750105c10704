"""The WSGI entry point: ``granian --interface wsgi wsgi:app``."""

from grants.app import create_app

app = create_app()
