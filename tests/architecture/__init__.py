"""Guards over the whole: imports, doors, roles, migrations, headers, pages."""
