"""Appeals: a group says that something went wrong in how it was judged, and somebody uninvolved decides."""
