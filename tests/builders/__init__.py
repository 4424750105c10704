"""Builders: one `a_thing(session, **what_the_test_is_about)` for each table, in a module for each stage."""
