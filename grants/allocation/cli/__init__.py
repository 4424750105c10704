"""What is done with results at the command line."""
