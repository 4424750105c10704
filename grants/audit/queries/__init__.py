"""Statements, the trail, the register and the checks: everything told from the rows that the stages wrote."""
