"""Open files: tables for spreadsheets, and the books for other people's tools."""
