"""OpenAI's Responses API as it is on the wire, for either side of it."""
