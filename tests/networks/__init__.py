"""Real manifests of network plug-ins for tests. They lie beside the checkout and are never part of it."""
