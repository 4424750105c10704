"""The Flask kit that every stage's views stand on."""
