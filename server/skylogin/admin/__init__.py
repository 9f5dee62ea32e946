"""The admin API at `/_admin/v1`: JSON, as openapi.json beside this file says."""
