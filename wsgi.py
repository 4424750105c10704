"""The WSGI entry point: ``granian --interface wsgi wsgi:app``, or ``serve.py``, whose workers share what they hold."""

from grants.app import create_app
from grants.web import memory

app = create_app()
memory.settle()
