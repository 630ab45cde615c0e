"""How a model fares at run time, and what is done when it ails."""
