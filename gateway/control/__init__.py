"""The control plane: everything durable, and every answer that is not a call to a model."""
