"""Credits: what a clip costs (pricing, pure) and who has paid (ledger); knows no engine."""
