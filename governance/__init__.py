"""Who may propose what: people, teams, agents, keys, action types, policies."""
