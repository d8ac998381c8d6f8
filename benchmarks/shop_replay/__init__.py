"""Real invoices, replayed through a running shop and audited from its databases."""
