"""The pages: overview, device, incident, evidence, quarantine, truth. Server-rendered; scripts only make them live."""
