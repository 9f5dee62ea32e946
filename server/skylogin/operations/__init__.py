"""What an operator does: one function per act. The admin API, the portal and the commands
call these and nothing else; what an act changes and its line in the audit list are one
transaction.
"""
