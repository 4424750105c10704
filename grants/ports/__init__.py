"""What we need from outside, in our own words."""
