"""From a door to a ranked incident: intake, commit, scoring, judgement."""
