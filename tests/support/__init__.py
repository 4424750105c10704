"""What the tests stand on: servers, a browser, a clock, a crawler."""
