"""Request, authorise, send, settle: money on its way to a group."""
