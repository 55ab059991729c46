"""Time series on InfluxDB 2: bars, features, positions, P&L, risk and the health of the desk."""
