"""What residents raise; support; answers."""
