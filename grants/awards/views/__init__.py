"""Pages of the stage ``awards``: one module, one part of an award's life."""
