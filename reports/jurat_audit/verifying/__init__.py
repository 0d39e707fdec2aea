"""Verifying a production log: what was written, read by somebody who did not write it.

`format` says what a record is, `chain` whether each follows from the one before.  Neither shares a line
with the worker's writer (`jurat.auditlog`): they have `docs/audit-log.md` in common, and nothing else.
"""
