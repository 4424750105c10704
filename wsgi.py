"""The WSGI entry point: ``granian --interface wsgi wsgi:app``."""

import gc

from grants.app import create_app

app = create_app()
gc.collect()
gc.freeze()  # what stands for good is not looked through again and again for what could be thrown away
gc.set_threshold(20_000, 50, 100)  # a request leaves little that goes round in circles: look for it less often
