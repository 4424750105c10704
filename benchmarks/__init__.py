"""The figures that README quotes, each one command."""
