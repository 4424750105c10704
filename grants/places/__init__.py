"""Wards, postcodes and their deprivation deciles, offline."""
