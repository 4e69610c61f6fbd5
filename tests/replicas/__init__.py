"""Several gateways behind one load balancer: they keep no state, so it cannot matter which of them answers."""
