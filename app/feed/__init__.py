"""The same events as webhooks carry, for whoever fetches them: a feed in commit order, consumers, daily manifests."""
