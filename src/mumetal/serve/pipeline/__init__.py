"""The running stack: doors, store, watchers, triage and hands, joined in one direction."""
