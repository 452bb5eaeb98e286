"""From a configuration to a finished run: compose, check, build, plan, fit, resume."""
