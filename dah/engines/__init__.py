"""Loading codes into engines that serve them: databases that others run."""
