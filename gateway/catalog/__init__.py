"""What the operator's tables say: providers, models, aliases, prices, routes. Pure: text in, frozen values out."""
