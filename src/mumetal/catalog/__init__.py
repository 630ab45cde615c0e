"""Facts with their sources and dates: calibration figures of real devices and the technique cards."""
