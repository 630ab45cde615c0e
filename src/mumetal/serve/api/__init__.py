"""The web door: a JSON API, live streams, the push door, and the server that carries them."""
