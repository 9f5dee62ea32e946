"""From a predicate to a plan; pure."""
