"""What an operator does: one function per act, each audited.

The admin API, the portal and the commands call only these. What an act changes and its line in
the audit log are written in one transaction.
"""
