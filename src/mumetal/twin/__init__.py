"""A quantum stack that runs on a laptop: real calibration backgrounds, physics, faults and attacks with known truth."""
