"""The WSGI entry point: ``granian --interface wsgi wsgi:app``, or ``grants.serve``, whose workers share memory."""

from grants.app import create_app
from grants.web import memory

app = create_app()
memory.settle()
